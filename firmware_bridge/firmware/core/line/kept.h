/* A board's stored record -> its key, what it remembers for its host, and a session number that was never used before.
 * The number is stored before it is used. */
#ifndef INK_KEPT_H
#define INK_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* A board's non-volatile memory for one record. A power cut in `write` leaves the new record or the previous one. */
struct ink_store {
    bool (*read)(void *into, size_t count);        /* copies the record; false: none of `count` bytes is stored */
    bool (*write)(const void *from, size_t count); /* false: the record could not be read back */
};

/* The record that a board stores. A host puts the key into it, over the cable by which the board is flashed; its twin is
 * build/board_store.py. */
struct ink_kept {
    uint32_t session;           /* starts of the board so far: the number of this session */
    uint32_t provisioned;       /* 1: the board has a key; 0: it has none */
    uint8_t key[INK_KEY_BYTES]; /* zeros if there is none */
    uint8_t head[INK_HEAD_BYTES]; /* of the host's journal; zeros if none was told */
};

/* Count a start of the board in the stored record, and read the record into `kept`.
 * Without a valid record this is the first start, and there is no key; one that ends before the head has none. Return false if the new number could not be
 * stored: then no session may begin. */
bool ink_kept_begin(struct ink_kept *kept, const struct ink_store *store);

/* Store head[INK_HEAD_BYTES], then put it into `kept`. Without a store, or if it cannot be written, nothing changes. */
void ink_kept_remember(struct ink_kept *kept, const uint8_t *head, const struct ink_store *store);

#endif
