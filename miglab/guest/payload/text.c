/* Bounded text, and JSON in it. Overflow is remembered: a caller checks once, at the end. */
#include "payload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct text *text, const char *format, ...)
{
    size_t room = sizeof text->data - text->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        text->overflow = true;
        text->data[text->length] = '\0';
        return;
    }
    text->length += (size_t)length;
}

/* A comma, unless this is the first of its object or array; then the key, if it has one. */
static void begin(struct text *text, const char *key)
{
    if (text->length && !strchr("{[", text->data[text->length - 1]))
        add(text, ",");
    if (key)
        add(text, "\"%s\":", key);
}

/* The root object has no key. */
void json_open(struct text *text, const char *key)
{
    begin(text, key);
    add(text, "{");
}

void json_close(struct text *text)
{
    add(text, "}");
}

void json_null(struct text *text, const char *key)
{
    begin(text, key);
    add(text, "null");
}

void json_number(struct text *text, const char *key, uint64_t value)
{
    begin(text, key);
    add(text, "%" PRIu64, value);
}

void json_numbers(struct text *text, const char *key, const uint64_t *values, size_t count)
{
    begin(text, key);
    add(text, "[");
    for (size_t i = 0; i < count; i++)
        json_number(text, NULL, values[i]);
    add(text, "]");
}

/* For 64 bits that are not a quantity: a string, as JSON numbers may lose the low ones. */
void json_hex(struct text *text, const char *key, uint64_t value)
{
    begin(text, key);
    add(text, "\"%016" PRIx64 "\"", value);
}

/* What is not printable ASCII becomes `?`. */
static void add_character(struct text *text, char character)
{
    if (character == '"' || character == '\\')
        add(text, "\\");
    add(text, "%c", character >= ' ' && character <= '~' ? character : '?');
}

void json_string(struct text *text, const char *key, const char *string)
{
    begin(text, key);
    add(text, "\"");
    for (; *string; string++)
        add_character(text, *string);
    add(text, "\"");
}

/* The same, but it ends early rather than reach into the last `reserve` bytes of the text. */
void json_string_cut(struct text *text, const char *key, const char *string, size_t reserve)
{
    begin(text, key);
    add(text, "\"");
    for (; *string && text->length + strlen("\\x\"") + reserve <= TEXT_MAX; string++)
        add_character(text, *string);
    add(text, "\"");
}
