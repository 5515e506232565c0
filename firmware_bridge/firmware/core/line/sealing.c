#include "line/sealing.h"

#include "line/aead.h"
#include "line/blake2s.h"
#include "line/mem.h"

_Static_assert(INK_KEY_BYTES == INK_AEAD_KEY_BYTES && INK_TAG_BYTES == INK_AEAD_TAG_BYTES, "sizes of RFC 8439");
_Static_assert(1 + INK_HEADER_BYTES <= INK_AEAD_NONCE_BYTES, "the nonce holds sender and header");

void ink_session_key(uint8_t *session_key, const uint8_t *key, uint32_t connection, const struct ink_wire_hello *hello,
                     const uint8_t *info, size_t info_count)
{
    const struct ink_wire_header header = {INK_ID_HELLO, connection, 0};
    uint8_t greeting[INK_HEADER_BYTES + INK_HELLO_BYTES];
    struct ink_blake2s state;
    (void)ink_encode_header(greeting, &header);
    (void)ink_encode_hello(greeting + INK_HEADER_BYTES, hello);
    ink_blake2s_begin(&state, INK_KEY_BYTES, key, INK_KEY_BYTES);
    ink_blake2s_add(&state, greeting, sizeof greeting);
    ink_blake2s_add(&state, info, info_count);
    ink_blake2s_end(&state, session_key);
}

/* Write the nonce of a content into nonce[INK_AEAD_NONCE_BYTES], and return what is sealed under it. */
static struct ink_aead sealed(uint8_t *content, size_t count, const uint8_t *session_key, uint8_t sender, uint8_t *nonce)
{
    const size_t clear_count = content[0] == INK_ID_INFO ? count : INK_HEADER_BYTES;
    ink_fill(nonce, 0, INK_AEAD_NONCE_BYTES);
    nonce[0] = sender;
    ink_copy(nonce + 1, content, INK_HEADER_BYTES);
    return (struct ink_aead){session_key, nonce, content, clear_count, content + clear_count, count - clear_count};
}

void ink_seal(uint8_t *content, size_t count, const uint8_t *session_key, uint8_t sender)
{
    uint8_t nonce[INK_AEAD_NONCE_BYTES];
    const struct ink_aead aead = sealed(content, count, session_key, sender, nonce);
    ink_aead_seal(&aead, content + count);
}

bool ink_open(uint8_t *content, size_t count, const uint8_t *session_key, uint8_t sender)
{
    if (count < INK_HEADER_BYTES + INK_TAG_BYTES) {
        return false;
    }
    uint8_t nonce[INK_AEAD_NONCE_BYTES];
    const struct ink_aead aead = sealed(content, count - INK_TAG_BYTES, session_key, sender, nonce);
    return ink_aead_open(&aead, content + (count - INK_TAG_BYTES));
}
