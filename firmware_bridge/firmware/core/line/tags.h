/* A board's key and the frames that open a connection -> its session key; a frame's content -> its tag; the twin of
 * tags.py, where the equations are. */
#ifndef INK_TAGS_H
#define INK_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* Equation 1, into session_key[INK_KEY_BYTES]: `connection` is the host's number, `info` INFO without its tag. */
void ink_session_key(uint8_t *session_key, const uint8_t *key, uint32_t connection, const struct ink_wire_hello *hello,
                     const uint8_t *info, size_t info_count);

/* Equation 2, into tag[INK_TAG_BYTES]: `sender` is INK_FROM_HOST or INK_FROM_BOARD. */
void ink_tag(uint8_t *tag, const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count);

/* Whether the content ends in its tag. A wrong tag takes as long as the right one. */
bool ink_is_tagged(const uint8_t *session_key, uint8_t sender, const uint8_t *content, size_t count);

#endif
