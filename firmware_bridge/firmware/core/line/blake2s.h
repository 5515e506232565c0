/* A key and bytes -> their keyed BLAKE2s digest (RFC 7693), equal to that of Python's hashlib.blake2s. */
#ifndef INK_BLAKE2S_H
#define INK_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

#define INK_BLAKE2S_BLOCK_BYTES 64
#define INK_BLAKE2S_MAX_BYTES 32 /* longest digest, and longest key */

/* A digest that is being computed. */
struct ink_blake2s {
    uint32_t h[8];
    uint64_t count; /* bytes taken, the key's block included */
    uint8_t block[INK_BLAKE2S_BLOCK_BYTES];
    uint8_t held;   /* bytes in block */
    uint8_t out_bytes;
};

/* Begin a digest of 1..32 bytes under a key of 0..32 bytes (NULL if 0).
 * out_bytes and key_bytes beyond 32 count as 32. */
void ink_blake2s_begin(struct ink_blake2s *state, size_t out_bytes, const uint8_t *key, size_t key_bytes);

/* Add `count` bytes to what is digested. */
void ink_blake2s_add(struct ink_blake2s *state, const void *bytes, size_t count);

/* Write the digest into out[out_bytes] and wipe the state. */
void ink_blake2s_end(struct ink_blake2s *state, uint8_t *out);

#endif
