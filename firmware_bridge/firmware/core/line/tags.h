/* A board's key and the frames that open a connection -> its session key; a frame's content -> its tag.
 * The twin of firmware_bridge/wire/tags.py, which says why the formulas are as they are. */
#ifndef INK_TAGS_H
#define INK_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* Write the session key into session_key[INK_KEY_BYTES]: BLAKE2s-256( key; content of HELLO | INFO without its tag ).
 * key[INK_KEY_BYTES] is the board's, `connection` the host's number, info[info_count] the payload of INFO. */
void ink_session_key(uint8_t *session_key, const uint8_t *key, uint32_t connection, const struct ink_wire_hello *hello,
                     const uint8_t *info, size_t info_count);

/* Write a content's tag into tag[INK_TAG_BYTES]: BLAKE2s-128( session key; sender | content without the tag ).
 * `sender` is INK_FROM_HOST or INK_FROM_BOARD. */
void ink_tag(uint8_t *tag, const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count);

/* Return whether the content ends in its tag. A wrong tag takes as long as the right one. */
bool ink_is_tagged(const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count);

#endif
