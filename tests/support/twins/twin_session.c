/* A session with a store of its own -> its state, which twin_session.py compares with that of the Python session. */
#include "line/mem.h"
#include "line/session.h"

bool twin_begin(struct ink_session *session, uint32_t now_ms);
void twin_feed(struct ink_session *session, const uint8_t *data, size_t count, uint32_t now_ms);
size_t twin_state(const struct ink_session *session, uint32_t now_ms, uint32_t *state);
bool twin_fault(struct ink_session *session, uint8_t fault, uint8_t text);
void twin_skip(struct ink_session *session, uint32_t places);

extern const size_t size_of_session, size_of_kept, pixel_bits, outbox_fragments;
const size_t size_of_session = sizeof(struct ink_session);
const size_t size_of_kept = sizeof(struct ink_kept);
const size_t pixel_bits = INK_PIXEL_BITS;
const size_t outbox_fragments = INK_OUTBOX_FRAGMENTS;

/* The board's store: whether it holds a record and works, the record, how often it was written. */
extern bool twin_stored, twin_works;
extern struct ink_kept twin_kept;
extern size_t twin_writes;
bool twin_stored, twin_works = true;
struct ink_kept twin_kept;
size_t twin_writes;

static bool read_kept(void *into, size_t count)
{
    if (!twin_stored || count != sizeof twin_kept) {
        return false;
    }
    ink_copy(into, &twin_kept, count);
    return true;
}

static bool write_kept(const void *from, size_t count)
{
    if (!twin_works || count != sizeof twin_kept) {
        return false;
    }
    ink_copy(&twin_kept, from, count);
    twin_stored = true;
    twin_writes++;
    return true;
}

extern const struct ink_store twin_store;
const struct ink_store twin_store = {read_kept, write_kept};

static const char *const TEXTS[] = {"", "lifted", "0123456789012345678901234567890123456789012345678901234567890123"};

/* Begin a session, as an app does. Return false if the store cannot be written, since no session may begin then. */
bool twin_begin(struct ink_session *session, uint32_t now_ms)
{
    struct ink_kept kept;
    if (!ink_kept_begin(&kept, &twin_store)) {
        return false;
    }
    const struct ink_identity identity = {"pen-1", "twin", "1.2.3", INK_KIND_PEN, &twin_store};
    ink_session_init(session, &identity, &kept, now_ms);
    return true;
}

void twin_feed(struct ink_session *session, const uint8_t *data, size_t count, uint32_t now_ms)
{
    for (size_t at = 0; at < count; at++) {
        ink_session_receive(session, data[at], now_ms);
    }
}

bool twin_fault(struct ink_session *session, uint8_t fault, uint8_t text)
{
    return ink_session_fault(session, (enum ink_fault)fault, TEXTS[text]);
}

/* Count so many places of the stream as used. */
void twin_skip(struct ink_session *session, uint32_t places)
{
    session->origin += places;
    session->base += places;
    session->next += places;
}

static bool is_past(uint32_t time_ms, uint32_t now_ms)
{
    return now_ms - time_ms < 0x80000000U;
}

size_t twin_state(const struct ink_session *session, uint32_t now_ms, uint32_t *state)
{
    const struct ink_receiver *receiver = &session->receiver;
    const uint32_t plain[] = {
        session->state, session->kept.session, session->origin, session->base, session->next, ink_outbox_messages(&session->outbox),
        session->outbox.fragments_kept, session->outbox.words, ink_outbox_is_open(&session->outbox),
        session->host_known, session->connections, session->token, session->kept.provisioned, session->authenticated,
        session->stamp, session->delivered_stamp, session->acknowledgements, session->statistics_sent,
        session->words_acknowledged, session->sent, session->repeated, session->refused, receiver->frames,
        receiver->crc_errors, receiver->cobs_errors, receiver->oversize, receiver->held, session->greeting.due,
        session->greeting.due ? session->greeting.connection : 0, session->greeting.due && session->greeting.greeted,
        session->answering.number, session->answering.due, is_past(session->statistics_due_ms, now_ms),
    };
    size_t at = 0;
    for (size_t place = 0; place < sizeof plain / sizeof plain[0]; place++) {
        state[at++] = plain[place];
    }
    for (uint32_t place = 0; place < session->next - session->base && place < INK_WINDOW_FRAMES; place++) {
        const struct ink_flight *flight = &session->flights[(session->base + place) % INK_WINDOW_FRAMES];
        state[at++] = flight->stamp;
        state[at++] = is_past(flight->due_ms, now_ms);
        state[at++] = flight->repeats;
        state[at++] = flight->received;
    }
    return at;
}
