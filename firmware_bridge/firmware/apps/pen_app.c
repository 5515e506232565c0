/* A digitiser's packets -> words of fragments to the host. */
#include "ink/pen.h"

#include "../boards/digitiser.h"
#include "../boards/services.h"
#include "delivery.h"
#include "line/mem.h"
#include "ink/raster.h"

static struct ink_pen pen;
static uint8_t packet[INK_DIGITISER_PACKET_BYTES];
static unsigned held;
static uint32_t heard_ms;

static const char *why(enum ink_pen_event event)
{
    switch (event) {
    case INK_PEN_STUCK:
        return "the pen touches without end: its pressure does not fall";
    case INK_PEN_UNTOUCHED:
        return "the pen is near and never touches: its pressure does not rise";
    default:
        return "the digitiser fell silent in a word";
    }
}

/* Pass on an event of the pen, and those that are due after it. */
static void deliver(enum ink_pen_event event)
{
    static uint8_t pixels[INK_GREY_FRAGMENT_BYTES];
    for (; event != INK_PEN_NONE; event = ink_pen_pending(&pen)) {
        if (event == INK_PEN_SYMBOL) {
            ink_raster_strokes(pen.points, pen.count, pixels);
            const struct ink_times times = ink_pen_times(&pen);
            ink_delivery_symbol(pixels, &times);
        } else if (event == INK_PEN_WORD) {
            ink_delivery_word();
        } else {
            ink_delivery_fault(INK_FAULT_SENSOR_FAILED, why(event));
        }
    }
}

/* Drop bytes up to the next one that may begin a packet. */
static void resynchronise(void)
{
    unsigned skipped = 1;
    while (skipped < held && packet[skipped] != INK_DIGITISER_MARK) {
        skipped++;
    }
    held -= skipped;
    for (unsigned place = 0; place < held; place++) {
        packet[place] = packet[place + skipped];
    }
}

static bool is_packet(void)
{
    uint8_t check = 0;
    for (unsigned place = 0; place < INK_DIGITISER_PACKET_BYTES; place++) {
        check ^= packet[place];
    }
    return check == 0 && packet[0] == INK_DIGITISER_MARK;
}

static void take(uint8_t byte)
{
    packet[held++] = byte;
    if (packet[0] != INK_DIGITISER_MARK) {
        held = 0;
    } else if (held == INK_DIGITISER_PACKET_BYTES) {
        if (!is_packet()) {
            resynchronise();
            return;
        }
        held = 0;
        heard_ms = ink_board_now_ms();
        deliver(ink_pen_sample(&pen, ink_get_u16(packet + 1), ink_get_u16(packet + 3), ink_get_u16(packet + 5)));
    }
}

int main(void)
{
    ink_delivery_init(INK_KIND_PEN);
    ink_pen_init(&pen, &ink_pen_settings);
    for (;;) {
        uint8_t byte;
        const bool written = ink_board_digitiser_read(&byte);
        if (written) {
            take(byte);
        } else {
            deliver(ink_pen_silence(&pen, ink_board_now_ms() - heard_ms));
        }
        if (!ink_delivery_serve() && !written) {
            ink_board_idle();
        }
    }
}
