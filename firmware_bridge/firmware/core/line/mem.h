/* Memory -> memory: copy, fill, compare and wipe without a libc; little-endian numbers <-> bytes. */
#ifndef INK_MEM_H
#define INK_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy `count` bytes; the two places must not overlap. */
void ink_copy(void *to, const void *from, size_t count);

/* Set `count` bytes to `value`. */
void ink_fill(void *to, uint8_t value, size_t count);

/* Copy at most `most` characters of a text that ends in 0, and a 0 behind them, into to[most + 1]. */
void ink_copy_text(char *to, const char *from, size_t most);

/* Return whether `count` bytes are the same, in a time that does not tell where they differ. */
bool ink_same(const void *left, const void *right, size_t count);

/* Overwrite a secret with zeros; the compiler may not leave it out. */
void ink_wipe(void *secret, size_t count);

/* Read and write little-endian numbers, at any address. */
uint16_t ink_get_u16(const uint8_t *bytes);
uint32_t ink_get_u32(const uint8_t *bytes);
void ink_put_u16(uint8_t *bytes, uint16_t value);
void ink_put_u32(uint8_t *bytes, uint32_t value);

#endif
