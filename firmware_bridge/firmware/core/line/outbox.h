/* Words and faults as they are written -> the messages that carry them, by their place, until they are acknowledged. */
#ifndef INK_OUTBOX_H
#define INK_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ink/settings.h"
#include "line/wire.h"

/* Fragments that the board keeps until they are acknowledged; so the longest word that it can deliver. */
#ifndef INK_OUTBOX_FRAGMENTS
#define INK_OUTBOX_FRAGMENTS 32
#endif

_Static_assert(INK_PIXEL_BITS == 1 || INK_PIXEL_BITS == 8, "1 or 8 bits a pixel");
_Static_assert(INK_OUTBOX_FRAGMENTS > 0 && INK_OUTBOX_FRAGMENTS <= INK_MAX_WORD_FRAGMENTS, "a ring of what a word may have");

#define INK_PACKED_BYTES (INK_PIXEL_BITS == 1 ? INK_BITS_FRAGMENT_BYTES : INK_GREY_FRAGMENT_BYTES)
#define INK_CHUNKS ((INK_PACKED_BYTES + INK_CHUNK_BYTES - 1) / INK_CHUNK_BYTES) /* frames of a fragment */

/* A word, or a fault between words. */
struct ink_item {
    uint32_t word; /* 0: a fault between words */
    uint16_t first; /* place of its first fragment */
    uint16_t count; /* fragments */
    uint8_t ending; /* id of END or ERROR; 0: the word is open */
    enum ink_fault fault;
    const char *text;
};

struct ink_outbox {
    struct ink_item items[INK_OUTBOX_WORDS]; /* a ring; only the last may be open */
    uint8_t first_item, items_kept;
    uint16_t first_fragment, fragments_kept;
    uint32_t words; /* begun since start */
    uint8_t fragments[INK_OUTBOX_FRAGMENTS][INK_PACKED_BYTES]; /* a ring */
};

void ink_outbox_init(struct ink_outbox *outbox);

/* Whether a word is open. */
bool ink_outbox_is_open(const struct ink_outbox *outbox);

/* False: no room, or the call cannot come here; nothing has changed. `text` is kept where it lies, so it must stay as
 * it is for ever: at most 64 printable ASCII characters; what is behind them is not sent. */
bool ink_outbox_begin_word(struct ink_outbox *outbox);
bool ink_outbox_add_fragment(struct ink_outbox *outbox, const uint8_t *packed);
bool ink_outbox_end_word(struct ink_outbox *outbox);
bool ink_outbox_fault(struct ink_outbox *outbox, enum ink_fault fault, const char *text);

/* How many messages are kept. */
uint32_t ink_outbox_messages(const struct ink_outbox *outbox);

/* Id and payload of the message at that place, 0 for the oldest kept; its length, or -1 if there is none. */
int ink_outbox_message(const struct ink_outbox *outbox, uint32_t place, uint8_t *id, uint8_t *payload);

/* Forget what is complete within the first `consumed` messages: how many messages that were; *words counts on. */
uint32_t ink_outbox_forget(struct ink_outbox *outbox, uint32_t consumed, uint32_t *words);

#endif
