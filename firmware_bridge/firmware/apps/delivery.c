#include "delivery.h"

#include "../boards/services.h"
#include "line/kept.h"
#include "ink/raster.h"
#include "selftest.h"
#include "line/session.h"

#define RETRY_MS 1000

static const struct ink_store store = {ink_board_store_read, ink_board_store_write};
static struct ink_session session;
static char name[33];
static bool word_open, word_lost, defective;
static uint16_t symbols;

/* Set `name` to "MODEL-" and the board's number as 8 hexadecimal digits. */
static void make_name(uint32_t number)
{
    static const char model[] = INK_BOARD_NAME "-";
    char *end = name;
    for (const char *letter = model; *letter != '\0'; letter++) {
        *end++ = *letter;
    }
    for (int shift = 28; shift >= 0; shift -= 4) {
        *end++ = "0123456789abcdef"[number >> shift & 0xFu];
    }
    *end = '\0';
}

static void sleep_ms(uint32_t pause_ms)
{
    const uint32_t begin_ms = ink_board_now_ms();
    while (ink_board_now_ms() - begin_ms < pause_ms) {
        ink_board_idle();
    }
}

void ink_delivery_init(enum ink_kind kind)
{
    static struct ink_kept kept;
    ink_board_init();
    while (!ink_kept_begin(&kept, &store)) {
        sleep_ms(RETRY_MS);
    }
    make_name(ink_board_number());
    const struct ink_identity identity = {
        .board = name,
        .model = INK_BOARD_NAME,
        .firmware = ink_board_firmware(),
        .kind = kind,
        .store = &store,
    };
    ink_session_init(&session, &identity, &kept, ink_board_now_ms());
    const char *defect = ink_self_test();
    if (defect != NULL) {
        defective = true;
        ink_delivery_fault(INK_FAULT_SELF_TEST_FAILED, defect);
    }
}

bool ink_delivery_serve(void)
{
    static uint8_t frame[INK_MAX_WIRE_BYTES];
    bool busy = false;
    uint8_t byte;
    ink_board_alive();
    while (ink_board_read(&byte)) {
        ink_session_receive(&session, byte, ink_board_now_ms());
        busy = true;
    }
    const size_t count = ink_session_poll(&session, ink_board_now_ms(), frame);
    if (count > 0) {
        ink_board_write(frame, count);
    }
    return busy || count > 0;
}

/* Serve the line until `step` has room. Return false if it has none within INK_HOLD_MS. */
static bool wait_for(bool (*step)(const uint8_t *, const struct ink_times *), const uint8_t *fragment,
                     const struct ink_times *times)
{
    const uint32_t begin_ms = ink_board_now_ms();
    while (!step(fragment, times)) {
        if (ink_board_now_ms() - begin_ms >= INK_HOLD_MS) {
            return false;
        }
        if (!ink_delivery_serve()) {
            ink_board_idle();
        }
    }
    return true;
}

static bool begin(const uint8_t *fragment, const struct ink_times *times)
{
    (void)fragment;
    (void)times;
    return ink_session_begin_word(&session, ink_board_now_ms());
}

static bool add(const uint8_t *fragment, const struct ink_times *times)
{
    return ink_session_add_fragment(&session, fragment, times);
}

/* Return the pixels as the outbox keeps them, until the next call. */
static const uint8_t *packed(const uint8_t *pixels)
{
#if INK_PIXEL_BITS == 1
    static uint8_t bits[INK_BITS_FRAGMENT_BYTES];
    ink_raster_pack(pixels, bits);
    return bits;
#else
    return pixels;
#endif
}

void ink_delivery_symbol(const uint8_t *pixels, const struct ink_times *times)
{
    if (word_lost || defective) {
        return;
    }
    if (symbols >= INK_OUTBOX_FRAGMENTS) {
        ink_delivery_fault(INK_FAULT_WORD_TOO_LONG, "more symbols than the board can keep");
        word_lost = true;
        return;
    }
    if (!word_open) {
        word_open = wait_for(begin, NULL, NULL);
    }
    if (!word_open || !wait_for(add, packed(pixels), times)) {
        ink_delivery_fault(INK_FAULT_OUTBOX_FULL, "too many words wait for the host");
        word_lost = true;
        return;
    }
    symbols++;
}

void ink_delivery_word(void)
{
    if (word_open) {
        (void)ink_session_end_word(&session, ink_board_now_ms());
    }
    word_open = word_lost = false;
    symbols = 0;
}

void ink_delivery_fault(enum ink_fault fault, const char *text)
{
    /* If there is no room for the fault the host has been away for long; the words' numbers show it what is missing. */
    (void)ink_session_fault(&session, fault, text);
    word_open = word_lost = false;
    symbols = 0;
}
