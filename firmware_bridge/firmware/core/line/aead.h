/* ChaCha20-Poly1305 of RFC 8439, section 2.8: bytes -> encrypted bytes and a tag over them and over others in the clear.
 * In place, without a heap; equal to that of Python's `cryptography`. */
#ifndef INK_AEAD_H
#define INK_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INK_AEAD_KEY_BYTES 32
#define INK_AEAD_NONCE_BYTES 12
#define INK_AEAD_TAG_BYTES 16

/* What is sealed: `bytes` are encrypted in place; `clear` bytes are not, and are covered by the tag too.
 * A key must never take one nonce for two different contents. */
struct ink_aead {
    const uint8_t *key, *nonce;
    const uint8_t *clear;
    size_t clear_count;
    uint8_t *bytes;
    size_t count;
};

/* Encrypt, and write the tag into tag[INK_AEAD_TAG_BYTES]. */
void ink_aead_seal(const struct ink_aead *sealed, uint8_t *tag);

/* Decrypt if the tag is right. Return false, with nothing changed, if it is not; the time does not tell where it differs. */
bool ink_aead_open(const struct ink_aead *sealed, const uint8_t *tag);

#endif
