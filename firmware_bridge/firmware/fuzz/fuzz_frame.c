/* Any bytes, as a line's bytes and as a content: what is received can be sent, and what is sent is received. */
#include "line/frame.h"
#include "fuzz.h"
#include "line/mem.h"

/* Check that a content is received as it was sent, whatever the receiver got before. */
static void comes_back(struct ink_receiver *receiver, const uint8_t *content, size_t count)
{
    uint8_t wire[INK_MAX_WIRE_BYTES];
    const size_t length = ink_frame_encode(wire, content, count);
    INK_PROMISE(length == count + INK_CRC_BYTES + 2 && wire[length - 1] == 0);
    ink_receive(receiver, 0);
    for (size_t at = 0; at + 1 < length; at++) {
        INK_PROMISE(wire[at] != 0 && ink_receive(receiver, wire[at]) == INK_RX_NONE);
    }
    INK_PROMISE(ink_receive(receiver, 0) == INK_RX_FRAME && receiver->length == count);
    INK_PROMISE(ink_same(receiver->content, content, count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static struct ink_receiver receiver, other;
    ink_receiver_init(&receiver);
    for (size_t at = 0; at < count; at++) {
        if (ink_receive(&receiver, data[at]) == INK_RX_FRAME) {
            INK_PROMISE(receiver.length <= INK_MAX_CONTENT_BYTES + 1);
            if (receiver.length <= INK_MAX_CONTENT_BYTES) {
                ink_receiver_init(&other);
                comes_back(&other, receiver.content, receiver.length);
            }
        }
        INK_PROMISE(receiver.held <= INK_MAX_BODY_BYTES);
    }
    comes_back(&receiver, data, count < INK_MAX_CONTENT_BYTES ? count : INK_MAX_CONTENT_BYTES);
    return 0;
}
