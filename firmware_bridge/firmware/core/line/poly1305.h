/* A one-time key and bytes -> their Poly1305 tag (RFC 8439, section 2.5).
 * It multiplies 16-bit numbers to 32-bit products, which every Cortex-M does in a time that does not depend on them: M0,
 * M0+ and M4 multiply 32 bits in one instruction of constant time, and the M0 has no other. It has no table and no
 * branch on a secret. */
#ifndef INK_POLY1305_H
#define INK_POLY1305_H

#include <stddef.h>
#include <stdint.h>

#define INK_POLY1305_KEY_BYTES 32
#define INK_POLY1305_TAG_BYTES 16
#define INK_POLY1305_LIMBS 10 /* of 13 bits each: a number below 2^130, lowest limb first */

/* A tag that is being computed. */
struct ink_poly1305 {
    uint16_t r[INK_POLY1305_LIMBS], sum[INK_POLY1305_LIMBS];
    uint8_t pad[INK_POLY1305_TAG_BYTES];
    uint8_t block[INK_POLY1305_TAG_BYTES + 1];
    uint8_t held; /* bytes in block */
};

/* Begin a tag under key[INK_POLY1305_KEY_BYTES], which must never be used for other bytes. */
void ink_poly1305_begin(struct ink_poly1305 *state, const uint8_t *key);

/* Add `count` bytes. */
void ink_poly1305_add(struct ink_poly1305 *state, const uint8_t *bytes, size_t count);

/* Add zeros up to a multiple of 16 bytes, as RFC 8439, section 2.8, has it. */
void ink_poly1305_pad(struct ink_poly1305 *state);

/* Write the tag into tag[INK_POLY1305_TAG_BYTES] and wipe the state. */
void ink_poly1305_end(struct ink_poly1305 *state, uint8_t *tag);

#endif
