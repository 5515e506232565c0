#include "selftest.h"

#include "line/aead.h"
#include "line/blake2s.h"
#include "line/crc32.h"
#include "line/frame.h"
#include "line/mem.h"

/* The CRC-32 of the bytes 0 to 255, which use every entry of the table. */
#define COUNT_CRC 0x29058C73U

/* RFC 7693, appendix B: BLAKE2s-256 of "abc". */
static const uint8_t ABC[] = {'a', 'b', 'c'};
static const uint8_t ABC_DIGEST[INK_BLAKE2S_MAX_BYTES] = {
    0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f,
    0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29, 0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82,
};

/* ChaCha20-Poly1305 of "abc" under key and nonce 0, 1, 2 ...: the encrypted bytes, then the tag. */
static const uint8_t ABC_SEALED[sizeof ABC + INK_AEAD_TAG_BYTES] = {
    0xe8, 0x99, 0x6b, 0xdb, 0xe9, 0x7d, 0x03, 0x6a, 0x9b, 0x81, 0x5b, 0xcc, 0xbd, 0xf1, 0xa8, 0xe8,
    0x7e, 0xc3, 0x7f,
};

static uint8_t work[INK_MAX_WIRE_BYTES];

static bool crc_is_right(void)
{
    for (size_t at = 0; at < sizeof work; at++) {
        work[at] = (uint8_t)at;
    }
    return ink_crc32(work, sizeof work) == COUNT_CRC;
}

static bool digest_is_right(void)
{
    struct ink_blake2s state;
    uint8_t digest[INK_BLAKE2S_MAX_BYTES];
    ink_blake2s_begin(&state, sizeof digest, NULL, 0);
    ink_blake2s_add(&state, ABC, sizeof ABC);
    ink_blake2s_end(&state, digest);
    return ink_same(digest, ABC_DIGEST, sizeof digest);
}

static bool sealing_is_right(void)
{
    uint8_t key[INK_AEAD_KEY_BYTES];
    uint8_t abc[sizeof ABC_SEALED];
    for (size_t at = 0; at < sizeof key; at++) {
        key[at] = (uint8_t)at;
    }
    ink_copy(abc, ABC, sizeof ABC);
    const struct ink_aead sealed = {.key = key, .nonce = key, .clear = abc, .bytes = abc, .count = sizeof ABC};
    ink_aead_seal(&sealed, abc + sizeof ABC);
    return ink_same(abc, ABC_SEALED, sizeof abc);
}

static bool frame_comes_back(void)
{
    static struct ink_receiver receiver;
    uint8_t content[32];
    for (size_t at = 0; at < sizeof content; at++) {
        content[at] = (uint8_t)(at % 4 * 85); /* every fourth byte is a zero, which COBS replaces */
    }
    ink_receiver_init(&receiver);
    enum ink_rx last = INK_RX_NONE;
    const size_t count = ink_frame_encode(work, content, sizeof content);
    for (size_t at = 0; at < count; at++) {
        last = ink_receive(&receiver, work[at]);
    }
    return last == INK_RX_FRAME && receiver.length == sizeof content &&
           ink_same(receiver.content, content, sizeof content);
}

const char *ink_self_test(void)
{
    if (!crc_is_right()) {
        return "self-test: CRC-32 is wrong";
    }
    if (!digest_is_right()) {
        return "self-test: BLAKE2s is wrong";
    }
    if (!sealing_is_right()) {
        return "self-test: ChaCha20-Poly1305 is wrong";
    }
    return frame_comes_back() ? NULL : "self-test: a frame does not come back";
}
