#include "line/frame.h"

#include "line/crc32.h"
#include "line/mem.h"

/* Decode COBS in place. Return the decoded length, or -1 if a block runs past the end. */
static int cobs_decode(uint8_t *body, size_t count)
{
    size_t from = 0;
    size_t to = 0;
    while (from < count) {
        const size_t end = from + body[from];
        if (end > count) {
            return -1;
        }
        for (from++; from < end; from++) {
            body[to++] = body[from];
        }
        /* No zero follows a block of code 255, but in at most 255 bytes such a block is the last one. */
        if (from < count) {
            body[to++] = 0;
        }
    }
    return (int)to;
}

static enum ink_rx finish(struct ink_receiver *receiver)
{
    const size_t count = receiver->held;
    const bool skipped = receiver->skipping;
    receiver->held = 0;
    receiver->skipping = false;
    if (skipped || count == 0) {
        return INK_RX_NONE;
    }
    const int decoded = cobs_decode(receiver->content, count);
    if (decoded < INK_CRC_BYTES) {
        receiver->cobs_errors++;
        return INK_RX_COBS;
    }
    const size_t length = (size_t)decoded - INK_CRC_BYTES;
    if (ink_crc32(receiver->content, length) != ink_get_u32(receiver->content + length)) {
        receiver->crc_errors++;
        return INK_RX_CRC;
    }
    receiver->length = (uint16_t)length;
    receiver->frames++;
    return INK_RX_FRAME;
}

void ink_receiver_init(struct ink_receiver *receiver)
{
    ink_fill(receiver, 0, sizeof *receiver);
}

enum ink_rx ink_receive(struct ink_receiver *receiver, uint8_t byte)
{
    receiver->length = 0;
    if (byte == 0) {
        return finish(receiver);
    }
    if (receiver->skipping) {
        return INK_RX_NONE;
    }
    if (receiver->held == INK_MAX_BODY_BYTES) {
        receiver->held = 0;
        receiver->skipping = true;
        receiver->oversize++;
        return INK_RX_OVERSIZE;
    }
    receiver->content[receiver->held++] = byte;
    return INK_RX_NONE;
}

size_t ink_frame_encode(uint8_t *wire, const uint8_t *content, size_t count)
{
    if (count > INK_MAX_CONTENT_BYTES) {
        return 0;
    }
    uint8_t crc[INK_CRC_BYTES];
    ink_put_u32(crc, ink_crc32(content, count));
    size_t code_at = 0;
    size_t at = 1;
    /* COBS splits runs without a zero only beyond 254 bytes, which is all that a content with its CRC may have. */
    for (size_t place = 0; place < count + INK_CRC_BYTES; place++) {
        const uint8_t byte = place < count ? content[place] : crc[place - count];
        if (byte == 0) {
            wire[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        } else {
            wire[at++] = byte;
        }
    }
    wire[code_at] = (uint8_t)(at - code_at);
    wire[at++] = 0;
    return at;
}
