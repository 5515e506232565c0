/* The board's end of the line: words, received bytes and the time -> frames to send; the twin of session_board.py. */
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

/* Who the board is. The texts are printable ASCII, at most 32, 16 and 24 characters. */
struct ink_identity {
    const char *board, *model, *firmware;
    enum ink_kind kind;
    uint32_t session;              /* ink_kept.session */
    const struct ink_store *store; /* where a key goes that the host provides; NULL: nowhere */
};

enum ink_state {
    INK_WAITING,   /* for HELLO */
    INK_CONNECTED,
    INK_SILENT,    /* the host is gone; words are kept */
};

/* A frame under way. */
struct ink_flight {
    uint32_t stamp, due_ms;
    uint8_t repeats;
    bool received;
};

/* INFO that is to be sent. */
struct ink_greeting {
    uint32_t connection;
    bool due;
    bool greeted; /* the answer to a HELLO of this protocol, not a hint */
};

struct ink_session {
    enum ink_state state;
    struct ink_identity identity;
    struct ink_kept kept;
    bool host_known;    /* there was a HELLO */
    bool authenticated; /* this connection has a session key */
    uint8_t session_key[INK_KEY_BYTES], nonce[INK_NONCE_BYTES];
    uint32_t host_number, connections, token;
    uint32_t origin, base, next; /* sequences: the oldest message kept, the oldest not consumed, the next to be sent */
    uint32_t stamp, delivered_stamp;
    uint32_t acknowledgements, statistics_sent; /* numbers of the last ones in this connection */
    uint32_t heard_ms, statistics_due_ms, second_ms, uptime_s;
    uint32_t words_acknowledged, sent, repeated, refused;
    struct ink_greeting greeting;
    struct ink_answering answering;
    struct ink_flight flights[INK_WINDOW_FRAMES]; /* by sequence modulo the window */
    struct ink_receiver receiver;
    struct ink_outbox outbox;
};

/* `key` has INK_KEY_BYTES bytes; NULL: nothing is authenticated until a host provides one. Times are milliseconds and
 * may wrap. Nothing is sent before HELLO. */
void ink_session_init(struct ink_session *session, const struct ink_identity *identity, const uint8_t *key,
                      uint32_t now_ms);

/* Take a byte from the line; what is not a valid message of this connection changes nothing but a counter. */
void ink_session_receive(struct ink_session *session, uint8_t byte, uint32_t now_ms);

/* The next frame that is due into wire[INK_MAX_WIRE_BYTES], its length, 0: none. Call when the line is free until it
 * gives 0, and at least every few seconds. */
size_t ink_session_poll(struct ink_session *session, uint32_t now_ms, uint8_t *wire);

/* Writing, as ink_outbox_... have it. False: no room, or the call cannot come here; nothing has changed. */
bool ink_session_begin_word(struct ink_session *session);
bool ink_session_add_fragment(struct ink_session *session, const uint8_t *packed);
bool ink_session_end_word(struct ink_session *session);
bool ink_session_fault(struct ink_session *session, enum ink_fault fault, const char *text);

#endif
