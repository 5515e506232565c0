/* Field values <-> payload bytes, bounded at every step; the twin of firmware_bridge/wire/codec.py.
 * An error sets `wrong`, which stays set; the bytes of a payload with an error mean nothing. */
#ifndef INK_CODEC_H
#define INK_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the fields of one message in order into the caller's memory. */
struct ink_writer {
    uint8_t *bytes;
    size_t room, count; /* bytes that there is room for, and bytes written */
    bool wrong;
};

/* Reads the fields of one message in order from the caller's memory. */
struct ink_reader {
    const uint8_t *bytes; /* those that are left */
    size_t left;
    bool wrong;
};

/* Write a number as `size` bytes, 1 to 4, little endian. Outside of low..high it is an error. */
void ink_write_number(struct ink_writer *writer, uint32_t value, size_t size, uint32_t low, uint32_t high);

/* Read a number of `size` bytes, 1 to 4, little endian. Outside of low..high it is an error. */
uint32_t ink_read_number(struct ink_reader *reader, size_t size, uint32_t low, uint32_t high);

/* Write `count` bytes. More than `most` are an error. */
void ink_write_bytes(struct ink_writer *writer, const uint8_t *bytes, size_t count, size_t most);

/* Read `count` bytes. If fewer are left it is an error, and `bytes` stays as it is. */
void ink_read_bytes(struct ink_reader *reader, uint8_t *bytes, size_t count);

/* Write a length byte and a text that ends in 0, without the 0.
 * More than `most` characters, or one that is not printable ASCII, are an error. */
void ink_write_text(struct ink_writer *writer, const char *text, size_t most);

/* Read a length byte and that many characters, at most `most`, into text[most + 1], with a 0 behind them.
 * A byte that is not printable ASCII reads as '?'. After an error the text is empty. */
void ink_read_text(struct ink_reader *reader, char *text, size_t most);

/* Return a pointer to all bytes that are left, and their number in *count. More than `most` are an error.
 * The bytes are not copied: the pointer is good for as long as the payload is. After an error it is NULL. */
const uint8_t *ink_read_rest(struct ink_reader *reader, uint16_t *count, size_t most);

/* Return the payload's length, or -1 if there was an error. */
int ink_written(const struct ink_writer *writer);

/* Return whether there was no error and nothing is left. */
bool ink_is_read(const struct ink_reader *reader);

#endif
