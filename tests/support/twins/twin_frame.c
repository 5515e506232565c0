/* Bytes in portions -> the content of every intact frame and the receiver's counters, for test_frame.py. */
#include "line/frame.h"
#include "line/mem.h"

size_t twin_feed(struct ink_receiver *receiver, const uint8_t *data, size_t count, uint8_t *out, size_t room);

extern const size_t size_of_receiver;
const size_t size_of_receiver = sizeof(struct ink_receiver);

/* Write each intact frame into `out`, as its length, u16, and its content.
 * Return the number of bytes written, or (size_t)-1 if there is no room. */
size_t twin_feed(struct ink_receiver *receiver, const uint8_t *data, size_t count, uint8_t *out, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; at < count; at++) {
        if (ink_receive(receiver, data[at]) == INK_RX_FRAME) {
            if (room - used < 2U + receiver->length) {
                return (size_t)-1;
            }
            ink_put_u16(out + used, receiver->length);
            ink_copy(out + used + 2, receiver->content, receiver->length);
            used += 2U + receiver->length;
        }
    }
    return used;
}

void twin_state(const struct ink_receiver *receiver, uint32_t state[5]);

void twin_state(const struct ink_receiver *receiver, uint32_t state[5])
{
    state[0] = receiver->frames;
    state[1] = receiver->crc_errors;
    state[2] = receiver->cobs_errors;
    state[3] = receiver->oversize;
    state[4] = receiver->held;
}
