/* Bounded text for replies. Overflow is remembered, so a caller checks once, at the end. */
#include "payload.h"

#include <stdarg.h>
#include <stdio.h>

void text_add(struct text *text, const char *format, ...)
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

/* Adds a JSON string of at most max characters of the given one. What is not plain ASCII becomes `?`. */
void text_quote(struct text *text, const char *string, size_t max)
{
    text_add(text, "\"");
    for (size_t i = 0; i < max && string[i]; i++) {
        char c = string[i];
        if (c == '"' || c == '\\')
            text_add(text, "\\%c", c);
        else
            text_add(text, "%c", c >= ' ' && c <= '~' ? c : '?');
    }
    text_add(text, "\"");
}
