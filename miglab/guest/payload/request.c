/* Requests are one line, `ID VERB key=value …`. The first complaint is kept, so that a verb can
 * take all its arguments in a row, ask once whether they were good, and act only then. */
#include "payload.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"

void request_refuse(struct request *request, const char *key, const char *expected,
                    const char *found)
{
    if (!request->error[0])
        snprintf(request->error, sizeof request->error, "%.40s: expected %.80s, found %.60s", key,
                 expected, found);
}

static void take_id(struct request *request, const char *id)
{
    size_t length = id ? strlen(id) : 0;
    if (length == 0 || length > ID_MAX || strspn(id, ID_CHARACTERS) != length)
        request_refuse(request, "id", "1 to 32 of letters, digits, _.:-", id ? id : "nothing");
    else
        memcpy(request->id, id, length + 1);
}

static void take_argument(struct request *request, char *word)
{
    char *equals = strchr(word, '=');
    if (!equals || equals == word) {
        request_refuse(request, "argument", "key=value", word);
        return;
    }
    *equals = '\0';
    if (request_has(request, word))
        request_refuse(request, word, "it once", "it twice");
    else if (request->count == ARGUMENTS_MAX)
        request_refuse(request, word, "at most 8 arguments", "more");
    else
        request->arguments[request->count++] = (struct argument){.key = word, .value = equals + 1};
}

void request_parse(struct request *request, const char *datagram, size_t length)
{
    *request = (struct request){.verb = ""};
    if (length > REQUEST_MAX) {
        request_refuse(request, "request", "at most 512 bytes", "more");
        length = REQUEST_MAX;
    }
    memcpy(request->line, datagram, length); /* a NUL inside ends the line */
    char *rest, *word = strtok_r(request->line, " \t\r\n", &rest);
    take_id(request, word);
    word = word ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
    request->verb = word ? word : "";
    while (word && (word = strtok_r(NULL, " \t\r\n", &rest)))
        take_argument(request, word);
}

bool request_has(const struct request *request, const char *key)
{
    for (size_t i = 0; i < request->count; i++)
        if (!strcmp(request->arguments[i].key, key))
            return true;
    return false;
}

/* The value of key, or NULL with a complaint. */
const char *request_text(struct request *request, const char *key, const char *expected)
{
    for (size_t i = 0; i < request->count; i++)
        if (!strcmp(request->arguments[i].key, key)) {
            request->arguments[i].taken = true;
            return request->arguments[i].value;
        }
    request_refuse(request, key, expected, "nothing");
    return NULL;
}

/* Plain decimal digits only: no sign, no space, no overflow. */
bool number_parse(const char *digits, uint64_t *number)
{
    uint64_t value = 0;
    if (!*digits)
        return false;
    for (; *digits; digits++) {
        if (!isdigit((unsigned char)*digits) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digits - '0'), &value))
            return false;
    }
    *number = value;
    return true;
}

uint64_t request_number(struct request *request, const char *key, uint64_t min, uint64_t max)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%" PRIu64 " to %" PRIu64, min, max);
    const char *value = request_text(request, key, expected);
    uint64_t number = min;
    if (value && (!number_parse(value, &number) || number < min || number > max))
        request_refuse(request, key, expected, value);
    return number;
}

/* The index of the value among the choices, which end with NULL. */
unsigned request_choice(struct request *request, const char *key, const char *const *choices)
{
    char expected[80] = "";
    for (unsigned i = 0, length = 0; choices[i]; i++)
        length += (unsigned)snprintf(expected + length, sizeof expected - length, "%s%s",
                                     i ? "|" : "", choices[i]);
    const char *value = request_text(request, key, expected);
    for (unsigned i = 0; value && choices[i]; i++)
        if (!strcmp(value, choices[i]))
            return i;
    if (value)
        request_refuse(request, key, expected, value);
    return 0;
}

void request_address(struct request *request, const char *key, struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN];
    const char *value = request_text(request, key, "IPV4:PORT");
    const char *colon = value ? strchr(value, ':') : NULL;
    uint64_t port = 0;
    bool good = colon && (size_t)(colon - value) < sizeof host && number_parse(colon + 1, &port);
    if (good) {
        snprintf(host, sizeof host, "%.*s", (int)(colon - value), value);
        good = port >= 1 && port <= 65535 && inet_pton(AF_INET, host, &address->sin_addr) == 1;
    }
    if (value && !good)
        request_refuse(request, key, "IPV4:PORT", value);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
}

/* True if nothing was wrong and no argument was left over. */
bool request_done(struct request *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (!request->arguments[i].taken)
            request_refuse(request, request->arguments[i].key, "no such key", "it");
    return !request->error[0];
}
