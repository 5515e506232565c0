/* The board's end of the line: words, received bytes and the time -> frames to send.
 * The twin of firmware_bridge/session/board.py. */
#ifndef INK_SESSION_H
#define INK_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/answering.h"
#include "line/frame.h"
#include "line/kept.h"
#include "line/outbox.h"
#include "line/wire.h"

/* Who the board is, as INFO says it. */
struct ink_identity {
    const char *board, *model, *firmware; /* printable ASCII, at most 32, 16 and 24 characters */
    enum ink_kind kind;
    const struct ink_store *store; /* where `kept` is stored when it changes; NULL: nowhere */
};

/* What the board knows of its host. */
enum ink_state {
    INK_WAITING,   /* there was no HELLO */
    INK_GREETED,   /* there was one; until a frame of the host proves that it is there, only INFO is sent */
    INK_CONNECTED,
    INK_SILENT,    /* the host is gone; words are kept */
};

/* A frame that was sent and that the host has not consumed. */
struct ink_flight {
    uint32_t stamp, due_ms; /* when it was sent last, counted in frames; when it is to be repeated */
    uint8_t repeats;
    bool received; /* the host has it */
};

/* The INFO that is to be sent. */
struct ink_greeting {
    uint32_t connection; /* in its header */
    bool due;
    bool greeted; /* true: it answers a HELLO of this protocol; false: it hints that the host should say HELLO */
};

/* All memory of a session. */
struct ink_session {
    enum ink_state state;
    struct ink_identity identity;
    struct ink_kept kept;
    bool host_known;    /* there was a HELLO */
    bool authenticated; /* this connection has a session key */
    uint8_t session_key[INK_KEY_BYTES], nonce[INK_NONCE_BYTES];
    uint32_t host_number, connections, token;
    uint32_t origin, base, next; /* sequences: the oldest message kept, the oldest not consumed, the next to be sent */
    uint32_t stamp, delivered_stamp; /* stamps of the last frame sent, and of the last that the host has */
    uint32_t acknowledgements, statistics_sent; /* numbers of the last ones in this connection */
    uint32_t heard_ms, statistics_due_ms, second_ms, uptime_s;
    uint32_t words_acknowledged, sent, repeated, refused;
    struct ink_greeting greeting;
    struct ink_answering answering;
    struct ink_flight flights[INK_WINDOW_FRAMES]; /* by sequence modulo the window */
    struct ink_receiver receiver;
    struct ink_outbox outbox;
};

/* Begin a session. Nothing is sent before the host's HELLO, and nothing but INFO before a frame of the host was taken.
 * `kept` is copied, as ink_kept_begin left it; without a key nothing is authenticated. The identity's texts and store are
 * not copied: they must outlive the session. Times, here and below, are milliseconds and may wrap. */
void ink_session_init(struct ink_session *session, const struct ink_identity *identity, const struct ink_kept *kept,
                      uint32_t now_ms);

/* Take a byte from the line. A frame that is no valid message of this connection changes nothing but a counter. */
void ink_session_receive(struct ink_session *session, uint8_t byte, uint32_t now_ms);

/* Write the next frame that is due into wire[INK_MAX_WIRE_BYTES]. Return its length, 0 if none is due.
 * Call it when the line is free until it returns 0, and at least every few seconds. */
size_t ink_session_poll(struct ink_session *session, uint32_t now_ms, uint8_t *wire);

/* Write words and faults into the session's outbox: see ink_outbox_begin_word and the three functions below it. */
bool ink_session_begin_word(struct ink_session *session, uint32_t now_ms);
bool ink_session_add_fragment(struct ink_session *session, const uint8_t *packed, const struct ink_times *times);
bool ink_session_end_word(struct ink_session *session, uint32_t now_ms);
bool ink_session_fault(struct ink_session *session, enum ink_fault fault, const char *text);

#endif
