/* Content bytes <-> frames on the line: COBS( content | CRC-32 ) 0x00; the twin of firmware_bridge/wire/framing.py. */
#ifndef INK_FRAME_H
#define INK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

#define INK_CRC_BYTES 4
#define INK_MAX_BODY_BYTES (INK_MAX_WIRE_BYTES - 1) /* what can stand between two delimiters */

/* What a byte completed. */
enum ink_rx {
    INK_RX_NONE,     /* nothing yet */
    INK_RX_FRAME,    /* an intact frame: receiver->content, receiver->length */
    INK_RX_CRC,      /* a frame whose CRC is wrong */
    INK_RX_COBS,     /* a frame that is not COBS, or too short */
    INK_RX_OVERSIZE, /* a frame that is too long; its bytes up to the next delimiter are dropped */
};

/* The state of a receiver. Counters count since ink_receiver_init and wrap at 2^32. */
struct ink_receiver {
    uint8_t content[INK_MAX_BODY_BYTES]; /* after INK_RX_FRAME, until the next byte: the frame's content */
    uint16_t length;                     /* of content, bytes */
    uint16_t held;                       /* bytes of an unfinished frame */
    bool skipping;                       /* the frame was too long; waiting for a delimiter */
    uint32_t frames, crc_errors, cobs_errors, oversize;
};

/* Begin to receive: no byte is held, all counters are 0. */
void ink_receiver_init(struct ink_receiver *receiver);

/* Take a byte from the line. Return what it completed. */
enum ink_rx ink_receive(struct ink_receiver *receiver, uint8_t byte);

/* Write a frame of content[count], with its delimiter, into wire[INK_MAX_WIRE_BYTES].
 * Return the frame's length, or 0 if count > INK_MAX_CONTENT_BYTES. */
size_t ink_frame_encode(uint8_t *wire, const uint8_t *content, size_t count);

#endif
