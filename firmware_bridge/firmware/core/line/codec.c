#include "line/codec.h"

#include "line/mem.h"

#define FIRST_PRINTABLE 0x20
#define LAST_PRINTABLE 0x7E

static bool printable(uint8_t byte)
{
    return byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE;
}

/* Return where to write the next `count` bytes; NULL after an error, or if there is no room for them. */
static uint8_t *claim(struct ink_writer *writer, size_t count)
{
    if (writer->wrong || count > writer->room - writer->count) {
        writer->wrong = true;
        return NULL;
    }
    writer->count += count;
    return writer->bytes + (writer->count - count);
}

/* Return where the next `count` bytes lie; NULL after an error, or if fewer are left. */
static const uint8_t *take(struct ink_reader *reader, size_t count)
{
    if (reader->wrong || count > reader->left) {
        reader->wrong = true;
        return NULL;
    }
    const uint8_t *taken = reader->bytes;
    reader->bytes += count;
    reader->left -= count;
    return taken;
}

void ink_write_number(struct ink_writer *writer, uint32_t value, size_t size, uint32_t low, uint32_t high)
{
    uint8_t *to = claim(writer, size);
    if (to == NULL) {
        return;
    }
    if (value < low || value > high) {
        writer->wrong = true;
    }
    for (size_t at = 0; at < size; at++) {
        to[at] = (uint8_t)(value >> 8U * at);
    }
}

uint32_t ink_read_number(struct ink_reader *reader, size_t size, uint32_t low, uint32_t high)
{
    const uint8_t *from = take(reader, size);
    if (from == NULL) {
        return 0;
    }
    uint32_t value = 0;
    for (size_t at = 0; at < size; at++) {
        value |= (uint32_t)from[at] << 8U * at;
    }
    if (value < low || value > high) {
        reader->wrong = true;
    }
    return value;
}

void ink_write_bytes(struct ink_writer *writer, const uint8_t *bytes, size_t count, size_t most)
{
    uint8_t *to = count <= most ? claim(writer, count) : NULL;
    if (to == NULL) {
        writer->wrong = true;
        return;
    }
    ink_copy(to, bytes, count);
}

void ink_read_bytes(struct ink_reader *reader, uint8_t *bytes, size_t count)
{
    const uint8_t *from = take(reader, count);
    if (from != NULL) {
        ink_copy(bytes, from, count);
    }
}

void ink_write_text(struct ink_writer *writer, const char *text, size_t most)
{
    size_t length = 0;
    while (length <= most && text[length] != '\0') {
        if (!printable((uint8_t)text[length])) {
            writer->wrong = true;
        }
        length++;
    }
    ink_write_number(writer, (uint32_t)length, 1, 0, (uint32_t)most);
    ink_write_bytes(writer, (const uint8_t *)text, length, most);
}

void ink_read_text(struct ink_reader *reader, char *text, size_t most)
{
    const size_t length = ink_read_number(reader, 1, 0, (uint32_t)most);
    const uint8_t *from = take(reader, length);
    text[0] = '\0';
    if (from == NULL) {
        return;
    }
    for (size_t at = 0; at < length; at++) {
        text[at] = printable(from[at]) ? (char)from[at] : '?';
    }
    text[length] = '\0';
}

const uint8_t *ink_read_rest(struct ink_reader *reader, uint16_t *count, size_t most)
{
    const size_t left = reader->left;
    *count = 0;
    if (left > most) {
        reader->wrong = true;
        return NULL;
    }
    const uint8_t *rest = take(reader, left);
    *count = rest == NULL ? 0 : (uint16_t)left;
    return rest;
}

int ink_written(const struct ink_writer *writer)
{
    return writer->wrong ? -1 : (int)writer->count;
}

bool ink_is_read(const struct ink_reader *reader)
{
    return !reader->wrong && reader->left == 0;
}
