/* Any bytes, as a script of what a host, an adversary, the line and the pen do: the board keeps within its limits. */
#include "fuzz.h"
#include "line/mem.h"
#include "line/session.h"
#include "line/sealing.h"

static struct ink_session session;
static uint32_t now_ms;

/* The board's store, of which every second write fails. */
static bool write_kept(const void *from, size_t count)
{
    static uint8_t writes;
    (void)from;
    return count == sizeof(struct ink_kept) && (++writes & 1U) != 0;
}

static const struct ink_store store = {NULL, write_kept};

static void within_limits(void)
{
    INK_PROMISE(session.next - session.base <= INK_WINDOW_FRAMES);
    INK_PROMISE(session.base - session.origin <= ink_outbox_messages(&session.outbox));
    INK_PROMISE(session.next - session.origin <= ink_outbox_messages(&session.outbox));
    INK_PROMISE(session.outbox.items_kept <= INK_OUTBOX_WORDS);
    INK_PROMISE(session.outbox.fragments_kept <= INK_OUTBOX_FRAGMENTS);
    INK_PROMISE(!session.authenticated || session.kept.provisioned == 1);
}

/* Check that what the board sends is a frame, that it is sealed where it must be, and that nothing but INFO is sent
 * before a frame of the host was taken. */
static void listen(void)
{
    static struct ink_receiver receiver;
    uint8_t wire[INK_MAX_WIRE_BYTES];
    const bool met = session.state == INK_CONNECTED;
    const size_t count = ink_session_poll(&session, now_ms, wire);
    enum ink_rx heard = INK_RX_NONE;
    ink_receiver_init(&receiver);
    for (size_t at = 0; at < count; at++) {
        heard = ink_receive(&receiver, wire[at]);
    }
    INK_PROMISE(count == 0 || heard == INK_RX_FRAME);
    if (count > 0 && receiver.content[0] != INK_ID_INFO) {
        INK_PROMISE(met || session.answering.number > 0);
        INK_PROMISE(!session.authenticated ||
                    ink_open(receiver.content, receiver.length, session.session_key, INK_FROM_BOARD));
    }
}

static void say(const uint8_t *content, size_t count)
{
    uint8_t wire[INK_MAX_WIRE_BYTES];
    const size_t length = ink_frame_encode(wire, content, count);
    for (size_t at = 0; at < length; at++) {
        ink_session_receive(&session, wire[at], now_ms);
    }
}

/* Send the board message `id` of this connection, sealed if `is_sealed`. The first byte is its sequence, the others
 * its payload. */
static void speak(uint8_t id, const uint8_t *bytes, size_t count, bool is_sealed)
{
    uint8_t content[INK_MAX_CONTENT_BYTES];
    if (count == 0) {
        return;
    }
    const struct ink_wire_header header = {id, session.token, bytes[0]};
    const size_t body = count - 1 < INK_PROBE_BYTES ? count - 1 : INK_PROBE_BYTES;
    size_t length = INK_HEADER_BYTES + body;
    (void)ink_encode_header(content, &header);
    ink_copy(content + INK_HEADER_BYTES, bytes + 1, body);
    if (is_sealed) {
        ink_seal(content, length, session.session_key, INK_FROM_HOST);
        length += INK_TAG_BYTES;
    }
    say(content, length);
}

static void greet(uint8_t number)
{
    uint8_t content[INK_HEADER_BYTES + INK_HELLO_BYTES];
    const struct ink_wire_header header = {INK_ID_HELLO, number, 0};
    const struct ink_wire_hello hello = {.protocol_hash = INK_PROTOCOL_HASH, .nonce = {number}};
    (void)ink_encode_header(content, &header);
    (void)ink_encode_hello(content + INK_HEADER_BYTES, &hello);
    say(content, sizeof content);
}

static void acknowledge(uint8_t consumed, uint8_t received)
{
    uint8_t payload[1 + INK_ACKNOWLEDGE_BYTES];
    const struct ink_wire_acknowledge message = {session.base + consumed % (INK_WINDOW_FRAMES + 2), received, {consumed}};
    payload[0] = (uint8_t)(session.acknowledgements + 1);
    (void)ink_encode_acknowledge(payload + 1, &message);
    speak(INK_ID_ACKNOWLEDGE, payload, sizeof payload, session.authenticated);
}

/* Do one step of the script; bytes[count] belong to it. */
static void act(uint8_t what, const uint8_t *bytes, size_t count)
{
    static const uint8_t ids[] = {INK_ID_ACKNOWLEDGE, INK_ID_IDENTIFY, INK_ID_PROBE};
    static uint8_t pixels[INK_PACKED_BYTES];
    const uint8_t first = count > 0 ? bytes[0] : 0;
    switch (what % 11) {
    case 0:
        for (size_t at = 0; at < count; at++) {
            ink_session_receive(&session, bytes[at], now_ms);
        }
        break;
    case 1: say(bytes, count); break;
    case 2: greet(first); break;
    case 3: acknowledge(first, count > 1 ? bytes[1] : 0); break;
    case 4: speak(ids[first % 3], bytes, count, true); break;
    case 5: speak(ids[first % 3], bytes, count, false); break;
    case 6: ink_session_begin_word(&session, now_ms); break;
    case 7: ink_session_add_fragment(&session, pixels, NULL); break;
    case 8: ink_session_end_word(&session, now_ms); break;
    case 9: ink_session_fault(&session, (enum ink_fault)(first % 8), "lifted"); break;
    default: now_ms += (uint32_t)first * first; break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    const struct ink_identity identity = {"pen-1", "fuzz", "0", INK_KIND_PEN, &store};
    const struct ink_kept kept = {.session = 1, .provisioned = count > 0 ? data[0] & 1U : 0, .key = {7}};
    now_ms = 0xFFFFF000U;
    ink_session_init(&session, &identity, &kept, now_ms);
    for (size_t at = 1; at + 1 < count;) {
        const size_t left = count - at - 2;
        const size_t length = data[at + 1] < left ? data[at + 1] : left;
        act(data[at], data + at + 2, length);
        within_limits();
        listen();
        at += 2 + length;
    }
    return 0;
}
