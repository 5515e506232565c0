#include "line/session.h"

#include "line/mem.h"
#include "line/sealing.h"

static const uint8_t PROTOCOL_HASH[] = INK_PROTOCOL_HASH;

/* Return whether *due_ms has come; then *due_ms becomes now_ms.
 * Times wrap: a due time that stayed 2^31 ms behind would count as one in the future. */
static bool is_due(uint32_t *due_ms, uint32_t now_ms)
{
    if (now_ms - *due_ms >= 0x80000000U) {
        return false;
    }
    *due_ms = now_ms;
    return true;
}

static bool is_later(uint32_t stamp, uint32_t other)
{
    return stamp != other && stamp - other < 0x80000000U;
}

/* Return how long to wait after a frame was repeated `repeats` times; 0: after it was sent for the first time. */
static uint32_t repeat_pause_ms(uint8_t repeats)
{
    uint32_t pause_ms = INK_RETRANSMIT_MS;
    for (uint8_t at = INK_EARLY_REPEATS; at < repeats && pause_ms < INK_RETRANSMIT_MAX_MS; at++) {
        pause_ms *= 2U;
    }
    return pause_ms < INK_RETRANSMIT_MAX_MS ? pause_ms : INK_RETRANSMIT_MAX_MS;
}

/* Make a frame of a payload: `content` has room for a header, then payload_count bytes, then room for a tag.
 * It is not sealed if session_key is NULL. Return the frame's length; 0 if payload_count is negative. */
static size_t send(uint8_t *wire, uint8_t *content, const struct ink_wire_header *header, int payload_count,
                   const uint8_t *session_key)
{
    if (payload_count < 0) {
        return 0;
    }
    size_t count = INK_HEADER_BYTES + (size_t)payload_count;
    (void)ink_encode_header(content, header);
    if (session_key != NULL) {
        ink_seal(content, count, session_key, INK_FROM_BOARD);
        count += INK_TAG_BYTES;
    }
    return ink_frame_encode(wire, content, count);
}

static const uint8_t *key_of_connection(const struct ink_session *session)
{
    return session->authenticated ? session->session_key : NULL;
}

/* Return the board's number of this connection, another one for each connection of each session.
 * If a number came again,
 * - a replayed HELLO would revive a connection whose acknowledgements can be replayed too;
 * - after a reset, a host that repeats its HELLO because the answer was lost would revive its old connection. */
static uint32_t board_number(const struct ink_session *session)
{
    return (session->kept.session << 16) + session->connections;
}

/* Write INFO's payload without its tag. Return its length, -1 if a text is not allowed. */
static int describe(const struct ink_session *session, uint8_t *payload)
{
    const struct ink_identity *identity = &session->identity;
    struct ink_wire_info info = {
        .protocol_hash = INK_PROTOCOL_HASH,
        .session = session->kept.session,
        .number = board_number(session),
        .provisioned = (uint8_t)session->kept.provisioned,
        .kind = identity->kind,
        .pixel_bits = INK_PIXEL_BITS,
    };
    ink_copy_text(info.board, identity->board, sizeof info.board - 1);
    ink_copy_text(info.model, identity->model, sizeof info.model - 1);
    ink_copy_text(info.firmware, identity->firmware, sizeof info.firmware - 1);
    return ink_encode_info(payload, &info);
}

/* Return the board's clock, in tenths of a second since its start. */
static uint32_t clock_ds(struct ink_session *session, uint32_t now_ms)
{
    const uint32_t seconds = (now_ms - session->second_ms) / 1000U;
    session->uptime_s += seconds;
    session->second_ms += seconds * 1000U;
    return session->uptime_s * 10U + (now_ms - session->second_ms) / 100U;
}

/* Note that the host is there. A host that is there again needs a reading of the clock before any word. */
static void hear(struct ink_session *session, uint32_t now_ms)
{
    if (session->state != INK_CONNECTED) {
        session->statistics_due_ms = now_ms;
    }
    session->heard_ms = now_ms;
    session->state = INK_CONNECTED;
}

/* Begin a connection: sequence 0 is the oldest message kept, which begins a word or is a fault between words. */
static void begin_again(struct ink_session *session)
{
    session->origin = session->base = session->next = 0;
    session->stamp = session->delivered_stamp = 0;
    session->acknowledgements = session->statistics_sent = 0;
    ink_answering_init(&session->answering);
    ink_fill(session->flights, 0, sizeof session->flights);
}

/* Take HELLO. INFO is due, and a connection begins if the host's number or nonce is new.
 * Return false for HELLO of another protocol, for which INFO is due as a hint, and for a malformed one. */
static bool take_hello(struct ink_session *session, uint32_t connection, const uint8_t *payload, size_t count)
{
    if (count < sizeof PROTOCOL_HASH || !ink_same(payload, PROTOCOL_HASH, sizeof PROTOCOL_HASH)) {
        session->greeting = (struct ink_greeting){connection, true, false};
        return false;
    }
    struct ink_wire_hello hello;
    if (!ink_decode_hello(&hello, payload, count)) {
        return false;
    }
    const bool same = session->host_known && session->host_number == connection &&
                      ink_same(session->nonce, hello.nonce, sizeof hello.nonce);
    if (!same) {
        session->host_known = true;
        session->host_number = connection;
        ink_copy(session->nonce, hello.nonce, sizeof hello.nonce);
        session->connections++;
        session->token = connection ^ board_number(session);
        session->authenticated = session->kept.provisioned != 0;
        if (session->authenticated) {
            uint8_t info[INK_INFO_BYTES];
            const int described = describe(session, info);
            ink_session_key(session->session_key, session->kept.key, connection, &hello, info,
                            described < 0 ? 0 : (size_t)described);
        }
        begin_again(session);
        session->state = INK_GREETED;
    }
    session->greeting = (struct ink_greeting){connection, true, true};
    return true;
}

static bool take_question(struct ink_session *session, const struct ink_wire_header *header, const uint8_t *payload,
                          size_t count, uint32_t now_ms)
{
    const enum ink_asked asked =
        ink_answering_take(&session->answering, header->message, header->sequence, payload, count);
    if (asked == INK_ASKED_FRESH) {
        hear(session, now_ms);
    }
    return asked != INK_ASKED_REFUSED;
}

/* Remember the head, unless it is none or the one that is remembered. */
static void remember(struct ink_session *session, const uint8_t *head)
{
    static const uint8_t none[INK_HEAD_BYTES] = {0};
    if (!ink_same(head, none, sizeof none) && !ink_same(head, session->kept.head, INK_HEAD_BYTES)) {
        ink_kept_remember(&session->kept, head, session->identity.store);
    }
}

/* Take ACKNOWLEDGE. Return false if it is malformed, if a later one was taken or if it names frames that were never
 * sent. */
static bool take_acknowledge(struct ink_session *session, uint32_t number, const uint8_t *payload, size_t count,
                             uint32_t now_ms)
{
    struct ink_wire_acknowledge message;
    if (!ink_decode_acknowledge(&message, payload, count) ||
        number <= session->acknowledgements || message.consumed < session->base || message.consumed > session->next) {
        return false;
    }
    session->acknowledgements = number;
    for (uint32_t sequence = session->base; sequence != session->next; sequence++) {
        struct ink_flight *flight = &session->flights[sequence % INK_WINDOW_FRAMES];
        const bool consumed = sequence < message.consumed;
        const bool arrived = consumed || ((uint32_t)message.received >> (sequence - message.consumed) & 1U) != 0;
        if (arrived && !flight->received) {
            flight->received = true;
            if (is_later(flight->stamp, session->delivered_stamp)) {
                session->delivered_stamp = flight->stamp;
            }
        }
    }
    if (session->authenticated) {
        remember(session, message.head);
    }
    session->base = message.consumed;
    session->origin +=
        ink_outbox_forget(&session->outbox, session->base - session->origin, &session->words_acknowledged);
    hear(session, now_ms);
    return true;
}

/* Take a frame's content. Return false if it is not HELLO and no valid message of this connection. */
static bool take(struct ink_session *session, uint8_t *content, size_t count, uint32_t now_ms)
{
    struct ink_wire_header header;
    if (count < INK_HEADER_BYTES || !ink_decode_header(&header, content, INK_HEADER_BYTES)) {
        return false;
    }
    const uint8_t *payload = content + INK_HEADER_BYTES;
    size_t payload_count = count - INK_HEADER_BYTES;
    if (header.message == INK_ID_HELLO) {
        return take_hello(session, header.connection, payload, payload_count);
    }
    const bool question = ink_is_question(header.message);
    if (header.message != INK_ID_ACKNOWLEDGE && !question) {
        return false;
    }
    if (!session->host_known || header.connection != session->token) {
        /* A hint does not replace the answer to HELLO: the host can provoke a hint again. */
        if (!session->greeting.due || !session->greeting.greeted) {
            session->greeting = (struct ink_greeting){header.connection, true, false};
        }
        return false;
    }
    if (session->authenticated) {
        if (!ink_open(content, count, session->session_key, INK_FROM_HOST)) {
            return false;
        }
        payload_count -= INK_TAG_BYTES;
    }
    return question ? take_question(session, &header, payload, payload_count, now_ms)
                    : take_acknowledge(session, header.sequence, payload, payload_count, now_ms);
}

static size_t send_info(struct ink_session *session, uint8_t *wire)
{
    uint8_t content[INK_MAX_CONTENT_BYTES];
    const struct ink_wire_header header = {INK_ID_INFO, session->greeting.connection, 0};
    session->greeting.due = false;
    return send(wire, content, &header, describe(session, content + INK_HEADER_BYTES),
                session->greeting.greeted ? key_of_connection(session) : NULL);
}

static size_t send_answer(struct ink_session *session, uint8_t *wire)
{
    uint8_t content[INK_MAX_CONTENT_BYTES];
    const struct ink_wire_header header = {INK_ID_CANNOT, session->token, session->answering.number};
    return send(wire, content, &header, ink_answering_answer(&session->answering, content + INK_HEADER_BYTES),
                key_of_connection(session));
}

static size_t send_writing(struct ink_session *session, uint32_t sequence, uint8_t *wire)
{
    uint8_t content[INK_MAX_CONTENT_BYTES];
    struct ink_wire_header header = {0, session->token, sequence};
    const int count =
        ink_outbox_message(&session->outbox, sequence - session->origin, &header.message, content + INK_HEADER_BYTES);
    return send(wire, content, &header, count, key_of_connection(session));
}

/* Return whether a message was not yet sent in this connection, and the window has room for it. */
static bool is_unsent(const struct ink_session *session)
{
    return session->next - session->base < INK_WINDOW_FRAMES &&
           session->next - session->origin < ink_outbox_messages(&session->outbox);
}

static size_t send_new(struct ink_session *session, uint32_t now_ms, uint8_t *wire)
{
    const uint32_t sequence = session->next++;
    session->flights[sequence % INK_WINDOW_FRAMES] =
        (struct ink_flight){.stamp = ++session->stamp, .due_ms = now_ms + repeat_pause_ms(0)};
    session->sent++;
    return send_writing(session, sequence, wire);
}

static size_t send_again(struct ink_session *session, uint32_t sequence, uint32_t now_ms, uint8_t *wire)
{
    struct ink_flight *flight = &session->flights[sequence % INK_WINDOW_FRAMES];
    flight->stamp = ++session->stamp;
    flight->repeats = (uint8_t)(flight->repeats + (flight->repeats < UINT8_MAX));
    flight->due_ms = now_ms + repeat_pause_ms(flight->repeats);
    session->repeated++;
    return send_writing(session, sequence, wire);
}

/* Return the sequence of the oldest frame to repeat, session->next if there is none. To be repeated are
 * - a frame that the host lacks though it has one that was sent later;
 * - a frame that the host lacks and whose time has come;
 * - the oldest frame, when its time has come, even if it was received: the acknowledgement that the host consumed it
 *   may have been lost.
 * It looks at every frame, so that no due time falls behind (is_due). */
static uint32_t lost(struct ink_session *session, uint32_t now_ms)
{
    uint32_t found = session->next;
    for (uint32_t sequence = session->next; sequence != session->base; sequence--) {
        struct ink_flight *flight = &session->flights[(sequence - 1U) % INK_WINDOW_FRAMES];
        const bool overtaken = !flight->received && is_later(session->delivered_stamp, flight->stamp);
        const bool late = is_due(&flight->due_ms, now_ms) && (!flight->received || sequence - 1U == session->base);
        if (overtaken || late) {
            found = sequence - 1U;
        }
    }
    return found;
}

static size_t send_statistics(struct ink_session *session, uint32_t now_ms, uint8_t *wire)
{
    uint8_t content[INK_MAX_CONTENT_BYTES];
    const struct ink_wire_header header = {INK_ID_STATISTICS, session->token, ++session->statistics_sent};
    struct ink_wire_statistics statistics = {
        .uptime_ds = clock_ds(session, now_ms),
        .heard = session->acknowledgements,
        .words = session->words_acknowledged,
        .frames_sent = session->sent,
        .frames_repeated = session->repeated,
        .frames_received = session->receiver.frames,
        .crc_errors = session->receiver.crc_errors,
        .cobs_errors = session->receiver.cobs_errors,
        .oversize = session->receiver.oversize,
        .refused = session->refused,
    };
    ink_copy(statistics.head, session->kept.head, sizeof statistics.head);
    return send(wire, content, &header, ink_encode_statistics(content + INK_HEADER_BYTES, &statistics),
                key_of_connection(session));
}

void ink_session_init(struct ink_session *session, const struct ink_identity *identity, const struct ink_kept *kept,
                      uint32_t now_ms)
{
    ink_fill(session, 0, sizeof *session);
    ink_receiver_init(&session->receiver);
    ink_outbox_init(&session->outbox);
    session->identity = *identity;
    session->heard_ms = session->statistics_due_ms = session->second_ms = now_ms;
    session->kept = *kept;
}

void ink_session_receive(struct ink_session *session, uint8_t byte, uint32_t now_ms)
{
    if (ink_receive(&session->receiver, byte) == INK_RX_FRAME &&
        !take(session, session->receiver.content, session->receiver.length, now_ms)) {
        session->refused++;
    }
}

size_t ink_session_poll(struct ink_session *session, uint32_t now_ms, uint8_t *wire)
{
    (void)clock_ds(session, now_ms);
    const bool statistics_due = is_due(&session->statistics_due_ms, now_ms);
    const uint32_t sequence = lost(session, now_ms);
    if (session->greeting.due) {
        return send_info(session, wire);
    }
    if (session->answering.due) {
        return send_answer(session, wire);
    }
    /* A place in the stream is half of a nonce: the connection ends before places are used up. */
    if (session->state == INK_CONNECTED &&
        (now_ms - session->heard_ms >= INK_SILENCE_MS || session->next == UINT32_MAX)) {
        session->state = INK_SILENT;
    }
    if (session->state != INK_CONNECTED) {
        return 0;
    }
    if (sequence != session->next) {
        return send_again(session, sequence, now_ms, wire);
    }
    if (statistics_due) {
        session->statistics_due_ms = now_ms + INK_HEARTBEAT_MS;
        return send_statistics(session, now_ms, wire);
    }
    return is_unsent(session) ? send_new(session, now_ms, wire) : 0;
}

bool ink_session_begin_word(struct ink_session *session, uint32_t now_ms)
{
    return ink_outbox_begin_word(&session->outbox, clock_ds(session, now_ms));
}

bool ink_session_add_fragment(struct ink_session *session, const uint8_t *packed, const struct ink_times *times)
{
    return ink_outbox_add_fragment(&session->outbox, packed, times);
}

bool ink_session_end_word(struct ink_session *session, uint32_t now_ms)
{
    return ink_outbox_end_word(&session->outbox, clock_ds(session, now_ms));
}

bool ink_session_fault(struct ink_session *session, enum ink_fault fault, const char *text)
{
    return ink_outbox_fault(&session->outbox, fault, text);
}
