#include "line/blake2s.h"

#include "line/mem.h"

/* RFC 7693, section 2.6 */
static const uint32_t IV[8] = {
    0x6A09E667U, 0xBB67AE85U, 0x3C6EF372U, 0xA54FF53AU, 0x510E527FU, 0x9B05688CU, 0x1F83D9ABU, 0x5BE0CD19U,
};

/* RFC 7693, section 2.7 */
static const uint8_t SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t rotated(uint32_t word, unsigned right)
{
    return word >> right | word << (32U - right);
}

/* RFC 7693, section 3.1 */
static void mix(uint32_t v[16], unsigned column, unsigned diagonal, uint32_t x, uint32_t y)
{
    const unsigned a = column;
    const unsigned b = 4U + (column + diagonal) % 4U;
    const unsigned c = 8U + (column + 2U * diagonal) % 4U;
    const unsigned d = 12U + (column + 3U * diagonal) % 4U;
    v[a] = v[a] + v[b] + x;
    v[d] = rotated(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = rotated(v[b] ^ v[c], 12);
    v[a] = v[a] + v[b] + y;
    v[d] = rotated(v[d] ^ v[a], 8);
    v[c] = v[c] + v[d];
    v[b] = rotated(v[b] ^ v[c], 7);
}

/* RFC 7693, section 3.2 */
static void compress(struct ink_blake2s *state, uint32_t last)
{
    uint32_t v[16];
    for (size_t at = 0; at < 8; at++) {
        v[at] = state->h[at];
        v[at + 8] = IV[at];
    }
    v[12] ^= (uint32_t)state->count;
    v[13] ^= (uint32_t)(state->count >> 32);
    v[14] ^= last;
    for (size_t round = 0; round < 10; round++) {
        for (unsigned step = 0; step < 8; step++) {
            const uint8_t *pair = &SIGMA[round][2U * step];
            const uint32_t x = ink_get_u32(state->block + 4U * pair[0]);
            const uint32_t y = ink_get_u32(state->block + 4U * pair[1]);
            mix(v, step % 4U, step / 4U, x, y);
        }
    }
    for (size_t at = 0; at < 8; at++) {
        state->h[at] ^= v[at] ^ v[at + 8];
    }
    ink_wipe(v, sizeof v);
}

static uint8_t at_most_32(size_t count)
{
    return (uint8_t)(count < INK_BLAKE2S_MAX_BYTES ? count : INK_BLAKE2S_MAX_BYTES);
}

void ink_blake2s_begin(struct ink_blake2s *state, size_t out_bytes, const uint8_t *key, size_t key_bytes)
{
    const uint8_t keyed = at_most_32(key == NULL ? 0 : key_bytes);
    ink_fill(state, 0, sizeof *state);
    ink_copy(state->h, IV, sizeof IV);
    state->out_bytes = at_most_32(out_bytes);
    state->h[0] ^= 0x01010000U ^ (uint32_t)keyed << 8 ^ state->out_bytes;
    if (keyed > 0) {
        ink_copy(state->block, key, keyed);
        state->held = INK_BLAKE2S_BLOCK_BYTES;
    }
}

void ink_blake2s_add(struct ink_blake2s *state, const void *bytes, size_t count)
{
    const uint8_t *in = bytes;
    for (size_t at = 0; at < count; at++) {
        /* A full block waits for a byte after it, because the last block is compressed differently. */
        if (state->held == INK_BLAKE2S_BLOCK_BYTES) {
            state->count += INK_BLAKE2S_BLOCK_BYTES;
            compress(state, 0);
            state->held = 0;
        }
        state->block[state->held++] = in[at];
    }
}

void ink_blake2s_end(struct ink_blake2s *state, uint8_t *out)
{
    state->count += state->held;
    ink_fill(state->block + state->held, 0, (size_t)INK_BLAKE2S_BLOCK_BYTES - state->held);
    compress(state, 0xFFFFFFFFU);
    for (size_t at = 0; at < state->out_bytes; at++) {
        out[at] = (uint8_t)(state->h[at / 4U] >> 8U * (at % 4U));
    }
    ink_wipe(state, sizeof *state);
}
