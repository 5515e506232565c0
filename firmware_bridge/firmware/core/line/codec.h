/* Field values <-> payload bytes, bounded at every step; the twin of codec.py. What goes wrong stays so. */
#ifndef INK_CODEC_H
#define INK_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Collects the fields of one message in order. */
struct ink_writer {
    uint8_t *bytes;
    size_t room, count;
    bool wrong;
};

/* Hands out the fields of one message in order. */
struct ink_reader {
    const uint8_t *bytes;
    size_t left;
    bool wrong;
};

/* `size` bytes, little endian, of a number in low..high. */
void ink_write_number(struct ink_writer *writer, uint32_t value, size_t size, uint32_t low, uint32_t high);
uint32_t ink_read_number(struct ink_reader *reader, size_t size, uint32_t low, uint32_t high);

/* `count` bytes, which a field allows `most` of. */
void ink_write_bytes(struct ink_writer *writer, const uint8_t *bytes, size_t count, size_t most);
void ink_read_bytes(struct ink_reader *reader, uint8_t *bytes, size_t count);

/* A length byte and at most `most` printable ASCII characters; text[most + 1] ends in 0. Another byte reads as '?'. */
void ink_write_text(struct ink_writer *writer, const char *text, size_t most);
void ink_read_text(struct ink_reader *reader, char *text, size_t most);

/* All that is left, at most `most` bytes, where it lies; its length in *count. */
const uint8_t *ink_read_rest(struct ink_reader *reader, uint16_t *count, size_t most);

/* The payload's length, or -1 if any field was outside its limits. */
int ink_written(const struct ink_writer *writer);

/* Whether every field was there and within its limits, and nothing is left. */
bool ink_is_read(const struct ink_reader *reader);

#endif
