/* What a board's memory holds -> its key and a session counter that was never used before, written down first. */
#ifndef INK_KEPT_H
#define INK_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* The board's memory: one record that outlives a power cut, which leaves either the new one or the one before it. */
struct ink_store {
    bool (*read)(void *into, size_t count);        /* the record; false: there is none of that length */
    bool (*write)(const void *from, size_t count); /* false: it could not be read back */
};

/* The record. */
struct ink_kept {
    uint32_t session;     /* starts of the board */
    uint32_t provisioned; /* 1: there is a key */
    uint8_t key[INK_KEY_BYTES];
};

/* Count a start, and write it down before it is used. False: it could not be written; no session may begin. */
bool ink_kept_begin(struct ink_kept *kept, const struct ink_store *store);

/* Take a key, once it is written down. False: it could not be written, or there is no store; nothing has changed. */
bool ink_kept_provision(struct ink_kept *kept, const uint8_t *key, const struct ink_store *store);

#endif
