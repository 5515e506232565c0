#include "line/poly1305.h"

#include "line/mem.h"

#define BLOCK_BYTES INK_POLY1305_TAG_BYTES
#define LIMBS INK_POLY1305_LIMBS
#define LIMB_BITS 13U
#define LIMB 0x1FFFU

/* RFC 8439, section 2.5: the bits that r may have */
static const uint8_t CLAMP[BLOCK_BYTES] = {
    0xFF, 0xFF, 0xFF, 0x0F, 0xFC, 0xFF, 0xFF, 0x0F, 0xFC, 0xFF, 0xFF, 0x0F, 0xFC, 0xFF, 0xFF, 0x0F,
};

/* Cut the lowest 130 bits of bytes[17] into limbs. */
static void cut(uint16_t *limbs, const uint8_t *bytes)
{
    for (unsigned at = 0; at < LIMBS; at++) {
        const unsigned bit = LIMB_BITS * at;
        const uint8_t *from = bytes + bit / 8U;
        const uint32_t three = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16;
        limbs[at] = (uint16_t)(three >> bit % 8U & LIMB);
    }
}

/* sum = (sum + block) * r modulo 2^130 - 5, with limbs 0 and 1 a little above 13 bits.
 *
 * A limb of the sum is below 2^14 + 2^10 and 5 * r below 40956, so five products and a carry stay below 2^32. */
static void take_block(struct ink_poly1305 *state)
{
    uint16_t block[LIMBS];
    uint16_t product[LIMBS];
    uint32_t carry = 0;
    cut(block, state->block);
    for (unsigned at = 0; at < LIMBS; at++) {
        block[at] = (uint16_t)(block[at] + state->sum[at]);
    }
    for (unsigned at = 0; at < LIMBS; at++) {
        uint32_t total = carry;
        carry = 0;
        for (unsigned from = 0; from < LIMBS; from++) {
            const uint32_t factor = from <= at ? state->r[at - from] : 5U * state->r[at + LIMBS - from];
            total += block[from] * factor;
            if (from == 4) {
                carry = total >> LIMB_BITS;
                total &= LIMB;
            }
        }
        carry += total >> LIMB_BITS;
        product[at] = (uint16_t)(total & LIMB);
    }
    carry = 5U * carry + product[0];
    product[0] = (uint16_t)(carry & LIMB);
    product[1] = (uint16_t)(product[1] + (carry >> LIMB_BITS));
    ink_copy(state->sum, product, sizeof product);
    ink_wipe(block, sizeof block);
    ink_wipe(product, sizeof product);
    state->held = 0;
}

void ink_poly1305_begin(struct ink_poly1305 *state, const uint8_t *key)
{
    uint8_t r[BLOCK_BYTES + 1] = {0};
    for (size_t at = 0; at < BLOCK_BYTES; at++) {
        r[at] = key[at] & CLAMP[at];
    }
    ink_fill(state, 0, sizeof *state);
    cut(state->r, r);
    ink_copy(state->pad, key + BLOCK_BYTES, BLOCK_BYTES);
    ink_wipe(r, sizeof r);
}

void ink_poly1305_add(struct ink_poly1305 *state, const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        state->block[state->held++] = bytes[at];
        if (state->held == BLOCK_BYTES) {
            state->block[BLOCK_BYTES] = 1;
            take_block(state);
        }
    }
}

void ink_poly1305_pad(struct ink_poly1305 *state)
{
    static const uint8_t zeros[BLOCK_BYTES];
    if (state->held > 0) {
        ink_poly1305_add(state, zeros, (size_t)BLOCK_BYTES - state->held);
    }
}

/* Bring every limb below 2^13 and the sum below 2^130. */
static void carry_on(uint16_t *sum)
{
    uint32_t carry = 0;
    for (unsigned at = 0; at < LIMBS; at++) {
        carry += sum[at];
        sum[at] = (uint16_t)(carry & LIMB);
        carry >>= LIMB_BITS;
    }
    sum[0] = (uint16_t)(sum[0] + 5U * carry);
}

/* Put sum - (2^130 - 5) in the sum's place if that is not negative. */
static void reduce(uint16_t *sum)
{
    uint16_t less[LIMBS];
    uint32_t carry = 5;
    for (unsigned at = 0; at < LIMBS; at++) {
        carry += sum[at];
        less[at] = (uint16_t)(carry & LIMB);
        carry >>= LIMB_BITS;
    }
    const uint16_t taken = (uint16_t)(0U - carry); /* all ones if sum + 5 reached 2^130 */
    for (unsigned at = 0; at < LIMBS; at++) {
        sum[at] = (uint16_t)((sum[at] & ~taken) | (less[at] & taken));
    }
    ink_wipe(less, sizeof less);
}

void ink_poly1305_end(struct ink_poly1305 *state, uint8_t *tag)
{
    if (state->held > 0) {
        state->block[state->held++] = 1;
        ink_fill(state->block + state->held, 0, sizeof state->block - state->held);
        take_block(state);
    }
    carry_on(state->sum);
    carry_on(state->sum); /* 5 more may have been added to limb 0 */
    reduce(state->sum);
    uint32_t bits = 0;
    uint32_t carry = 0;
    unsigned held = 0;
    unsigned limb = 0;
    for (unsigned at = 0; at < BLOCK_BYTES; at++) {
        if (held < 8U) {
            bits |= (uint32_t)state->sum[limb++] << held;
            held += LIMB_BITS;
        }
        carry += (bits & 0xFFU) + state->pad[at];
        tag[at] = (uint8_t)carry;
        carry >>= 8;
        bits >>= 8;
        held -= 8U;
    }
    ink_wipe(state, sizeof *state);
}
