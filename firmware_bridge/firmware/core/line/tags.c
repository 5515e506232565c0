#include "line/tags.h"

#include "line/blake2s.h"
#include "line/mem.h"

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

void ink_tag(uint8_t *tag, const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count)
{
    struct ink_blake2s state;
    ink_blake2s_begin(&state, INK_TAG_BYTES, session_key, INK_KEY_BYTES);
    ink_blake2s_add(&state, &sender, 1);
    ink_blake2s_add(&state, content, count);
    ink_blake2s_end(&state, tag);
}

bool ink_is_tagged(const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count)
{
    if (count < INK_TAG_BYTES) {
        return false;
    }
    uint8_t right[INK_TAG_BYTES];
    ink_tag(right, session_key, sender, content, count - INK_TAG_BYTES);
    return ink_same(right, content + (count - INK_TAG_BYTES), INK_TAG_BYTES);
}
