/* A board's key and the frames that open a connection -> its session key; contents of frames <-> sealed contents.
 * The twin of firmware_bridge/wire/sealing.py, which says why it is as it is. */
#ifndef INK_SEALING_H
#define INK_SEALING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* Write the session key into session_key[INK_KEY_BYTES]: BLAKE2s-256( key; content of HELLO | INFO without its tag ).
 * key[INK_KEY_BYTES] is the board's, `connection` the host's number, info[info_count] the payload of INFO. */
void ink_session_key(uint8_t *session_key, const uint8_t *key, uint32_t connection, const struct ink_wire_hello *hello,
                     const uint8_t *info, size_t info_count);

/* Seal content[count], header and payload, in place: the payload is encrypted, but for INFO's, and the tag written
 * behind it, for which there must be room. `sender` is INK_FROM_HOST or INK_FROM_BOARD. */
void ink_seal(uint8_t *content, size_t count, const uint8_t *session_key, uint8_t sender);

/* Open content[count], which ends in a tag, in place: header and payload are its first count - INK_TAG_BYTES bytes.
 * Return false, with nothing changed, if it is too short or its tag is wrong. */
bool ink_open(uint8_t *content, size_t count, const uint8_t *session_key, uint8_t sender);

#endif
