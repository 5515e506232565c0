#include "line/chacha20.h"

#include "line/mem.h"

#define WORDS 16

/* RFC 8439, section 2.3: "expand 32-byte k" */
static const uint32_t CONSTANTS[4] = {0x61707865U, 0x3320646EU, 0x79622D32U, 0x6B206574U};

static uint32_t rotated(uint32_t word, unsigned left)
{
    return word << left | word >> (32U - left);
}

/* RFC 8439, section 2.1 */
static void quarter_round(uint32_t *words, unsigned a, unsigned b, unsigned c, unsigned d)
{
    words[a] += words[b];
    words[d] = rotated(words[d] ^ words[a], 16);
    words[c] += words[d];
    words[b] = rotated(words[b] ^ words[c], 12);
    words[a] += words[b];
    words[d] = rotated(words[d] ^ words[a], 8);
    words[c] += words[d];
    words[b] = rotated(words[b] ^ words[c], 7);
}

static void set_up(uint32_t *words, const uint8_t *key, uint32_t counter, const uint8_t *nonce)
{
    ink_copy(words, CONSTANTS, sizeof CONSTANTS);
    for (size_t at = 0; at < 8; at++) {
        words[4 + at] = ink_get_u32(key + 4 * at);
    }
    words[12] = counter;
    for (size_t at = 0; at < 3; at++) {
        words[13 + at] = ink_get_u32(nonce + 4 * at);
    }
}

void ink_chacha20_block(uint8_t *block, const uint8_t *key, uint32_t counter, const uint8_t *nonce)
{
    uint32_t begun[WORDS];
    uint32_t words[WORDS];
    set_up(begun, key, counter, nonce);
    ink_copy(words, begun, sizeof words);
    for (unsigned twice = 0; twice < 10; twice++) {
        for (unsigned column = 0; column < 4; column++) {
            quarter_round(words, column, 4 + column, 8 + column, 12 + column);
        }
        for (unsigned column = 0; column < 4; column++) {
            quarter_round(words, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4);
        }
    }
    for (size_t at = 0; at < WORDS; at++) {
        ink_put_u32(block + 4 * at, words[at] + begun[at]);
    }
    ink_wipe(begun, sizeof begun);
    ink_wipe(words, sizeof words);
}

void ink_chacha20_xor(uint8_t *bytes, size_t count, const uint8_t *key, uint32_t counter, const uint8_t *nonce)
{
    uint8_t block[INK_CHACHA20_BLOCK_BYTES];
    for (size_t at = 0; at < count; at++) {
        if (at % sizeof block == 0) {
            ink_chacha20_block(block, key, counter++, nonce);
        }
        bytes[at] ^= block[at % sizeof block];
    }
    ink_wipe(block, sizeof block);
}
