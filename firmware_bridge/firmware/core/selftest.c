#include "selftest.h"

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
    return frame_comes_back() ? NULL : "self-test: a frame does not come back";
}
