/* A byte from the host -> what a symbol costs: ticks of SysTick to capture, draw and frame it, and the frame's bytes.

Under `-icount shift=5` an instruction takes 32 ns of the emulator's time and a tick is 40 ns: 1.25 instructions. */
#include "../boards/cortex_m.h"
#include "../boards/services.h"
#include "line/frame.h"
#include "line/mem.h"
#include "ink/pen.h"
#include "ink/raster.h"
#include "line/sealing.h"

#define SAMPLES 64
#define PEN_UP 60 /* samples without contact, enough to finish the symbol */
#define FRAGMENT_BYTES (9 + 7 + INK_BITS_FRAGMENT_BYTES)

static struct ink_pen pen;
static uint8_t pixels[INK_GREY_FRAGMENT_BYTES], content[INK_MAX_CONTENT_BYTES], frame[INK_MAX_WIRE_BYTES];

static uint32_t ticks(void)
{
    return 0xFFFFFF - INK_SYST_CVR;
}

/* Write a figure of two bows, 3.2 mm high, in 0.64 s. */
static enum ink_pen_event capture(void)
{
    enum ink_pen_event event = INK_PEN_NONE;
    for (uint16_t place = 0; place < SAMPLES + PEN_UP && event == INK_PEN_NONE; place++) {
        const uint16_t across = (uint16_t)((place & 31u) < 16 ? place & 15u : 16 - (place & 15u));
        const uint16_t pressure = place < SAMPLES ? 900 : 0;
        event = ink_pen_sample(&pen, (uint16_t)(1000 + 12 * across), (uint16_t)(1000 + 5 * place), pressure);
    }
    return event;
}

static void send_number(uint32_t number)
{
    uint8_t digits[11];
    size_t begin = sizeof digits;
    digits[--begin] = ' ';
    do {
        digits[--begin] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    ink_board_write(digits + begin, sizeof digits - begin);
}

int main(void)
{
    static uint8_t key[INK_KEY_BYTES];
    uint8_t byte;
    ink_board_init();
    while (!ink_board_read(&byte)) {
        ink_board_idle();
    }
    INK_SYST_CSR = 0;
    INK_SYST_RVR = 0xFFFFFF;
    INK_SYST_CVR = 0;
    INK_SYST_CSR = 5; /* processor clock, no interrupt, on */
    ink_pen_init(&pen, &ink_pen_settings);

    const uint32_t began = ticks();
    const bool captured = capture() == INK_PEN_SYMBOL;
    const uint32_t pen_done = ticks();
    ink_raster_strokes(pen.points, pen.count, pixels);
    ink_raster_pack(pixels, content + FRAGMENT_BYTES - INK_BITS_FRAGMENT_BYTES);
    const uint32_t raster_done = ticks();
    ink_seal(content, FRAGMENT_BYTES, key, INK_FROM_BOARD);
    const size_t bytes = ink_frame_encode(frame, content, FRAGMENT_BYTES + INK_TAG_BYTES);
    const uint32_t frame_done = ticks();

    send_number(captured ? pen_done - began : 0);
    send_number(raster_done - pen_done);
    send_number(frame_done - raster_done);
    send_number(bytes);
    ink_board_write((const uint8_t *)"\n", 1);
    for (;;) {
        ink_board_idle(); /* milliseconds stand still, so the watchdog restarts the board */
    }
}
