/* Bytes -> their CRC-32 (IEEE 802.3), equal to zlib's crc32(). */
#ifndef INK_CRC32_H
#define INK_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Return the CRC-32 of `count` bytes; 0 for no bytes. */
uint32_t ink_crc32(const uint8_t *bytes, size_t count);

#endif
