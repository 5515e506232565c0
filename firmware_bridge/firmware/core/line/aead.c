#include "line/aead.h"

#include "line/chacha20.h"
#include "line/mem.h"
#include "line/poly1305.h"

static void make_tag(const struct ink_aead *sealed, uint8_t *tag)
{
    struct ink_poly1305 state;
    uint8_t block[INK_CHACHA20_BLOCK_BYTES];
    uint8_t counts[16] = {0};
    ink_put_u32(counts, (uint32_t)sealed->clear_count);
    ink_put_u32(counts + 8, (uint32_t)sealed->count);
    ink_chacha20_block(block, sealed->key, 0, sealed->nonce);
    ink_poly1305_begin(&state, block);
    ink_wipe(block, sizeof block);
    ink_poly1305_add(&state, sealed->clear, sealed->clear_count);
    ink_poly1305_pad(&state);
    ink_poly1305_add(&state, sealed->bytes, sealed->count);
    ink_poly1305_pad(&state);
    ink_poly1305_add(&state, counts, sizeof counts);
    ink_poly1305_end(&state, tag);
}

void ink_aead_seal(const struct ink_aead *sealed, uint8_t *tag)
{
    ink_chacha20_xor(sealed->bytes, sealed->count, sealed->key, 1, sealed->nonce);
    make_tag(sealed, tag);
}

bool ink_aead_open(const struct ink_aead *sealed, const uint8_t *tag)
{
    uint8_t right[INK_AEAD_TAG_BYTES];
    make_tag(sealed, right);
    const bool same = ink_same(right, tag, sizeof right);
    ink_wipe(right, sizeof right); /* it would seal the content that was refused */
    if (same) {
        ink_chacha20_xor(sealed->bytes, sealed->count, sealed->key, 1, sealed->nonce);
    }
    return same;
}
