/* Bytes -> their CRC-32/IEEE, as zlib's. */
#ifndef INK_CRC32_H
#define INK_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t ink_crc32(const uint8_t *bytes, size_t count);

#endif
