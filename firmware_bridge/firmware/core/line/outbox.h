/* Words and faults -> the messages that carry them, kept in order until they are acknowledged. */
#ifndef INK_OUTBOX_H
#define INK_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ink/settings.h"
#include "ink/times.h"
#include "line/wire.h"

/* Fragments that the board can keep. All of a word are kept until it is acknowledged, so no word can be longer. */
#ifndef INK_OUTBOX_FRAGMENTS
#define INK_OUTBOX_FRAGMENTS 32
#endif

_Static_assert(INK_PIXEL_BITS == 1 || INK_PIXEL_BITS == 8, "1 or 8 bits a pixel");
_Static_assert(INK_OUTBOX_FRAGMENTS > 0 && INK_OUTBOX_FRAGMENTS <= INK_MAX_WORD_FRAGMENTS, "a ring of what a word may have");

#define INK_PACKED_BYTES (INK_PIXEL_BITS == 1 ? INK_BITS_FRAGMENT_BYTES : INK_GREY_FRAGMENT_BYTES)
#define INK_CHUNKS ((INK_PACKED_BYTES + INK_CHUNK_BYTES - 1) / INK_CHUNK_BYTES) /* messages that carry a fragment */

/* A word, or a fault between words. */
struct ink_item {
    uint32_t word;        /* its number, from 1; 0: a fault between words */
    uint16_t first;       /* place of its first fragment in the ring */
    uint16_t count;       /* number of its fragments */
    uint8_t ending;       /* id of the message that ends it, END or ERROR; 0: the word is open */
    enum ink_fault fault; /* in ERROR */
    const char *text;     /* in ERROR; not owned */
    uint32_t began_ds, ended_ds; /* the board's clock when the word began and ended */
};

/* All memory of an outbox. */
struct ink_outbox {
    struct ink_item items[INK_OUTBOX_WORDS]; /* a ring; only the last may be open */
    uint8_t first_item, items_kept;
    uint16_t first_fragment, fragments_kept;
    uint32_t words; /* begun since the board's start */
    uint8_t fragments[INK_OUTBOX_FRAGMENTS][INK_PACKED_BYTES]; /* a ring */
    struct ink_times times[INK_OUTBOX_FRAGMENTS];              /* of the fragments */
};

/* Begin with an empty outbox. */
void ink_outbox_init(struct ink_outbox *outbox);

/* Return whether a word is open. */
bool ink_outbox_is_open(const struct ink_outbox *outbox);

/* Begin a word at `now_ds` of the board's clock.
 * Return false, with nothing changed, if a word is open or INK_OUTBOX_WORDS words and faults are kept. */
bool ink_outbox_begin_word(struct ink_outbox *outbox, uint32_t now_ds);

/* Copy packed[INK_PACKED_BYTES] and its times, NULL if they are not known, into the open word as its next fragment.
 * Return false, with nothing changed, if no word is open, if the outbox has no room for a fragment or if the word has
 * INK_MAX_WORD_FRAGMENTS. */
bool ink_outbox_add_fragment(struct ink_outbox *outbox, const uint8_t *packed, const struct ink_times *times);

/* End the open word at `now_ds` of the board's clock. Return false if no word is open. */
bool ink_outbox_end_word(struct ink_outbox *outbox, uint32_t now_ds);

/* Report a fault: it ends the open word, or stands between words if none is open.
 * `text` is at most 64 printable ASCII characters; further ones are not sent. It is not copied, so it must stay
 * unchanged for ever. Return false, with nothing changed, if fault or text are none that ERROR may carry, or if no word
 * is open and INK_OUTBOX_WORDS words and faults are kept. */
bool ink_outbox_fault(struct ink_outbox *outbox, enum ink_fault fault, const char *text);

/* Return how many messages are kept. */
uint32_t ink_outbox_messages(const struct ink_outbox *outbox);

/* Write the id and the payload of the message at `place`, 0 for the oldest one kept.
 * The payload has at most INK_FRAGMENT_BYTES. Return its length, or -1 if there is no such message. */
int ink_outbox_message(const struct ink_outbox *outbox, uint32_t place, uint8_t *id, uint8_t *payload);

/* Forget every word and fault whose messages are all among the first `consumed` ones.
 * Return how many messages were forgotten; add the number of forgotten words to *words. */
uint32_t ink_outbox_forget(struct ink_outbox *outbox, uint32_t consumed, uint32_t *words);

#endif
