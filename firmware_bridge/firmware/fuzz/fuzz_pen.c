/* Any bytes, as a digitiser's samples: symbols and words in order, each within its memory. */
#include "fuzz.h"
#include "line/mem.h"
#include "ink/pen.h"

#define SAMPLE_BYTES 5

/* Check an event. `open`: a symbol came since the last word. Return the next `open`. */
static bool check(const struct ink_pen *pen, enum ink_pen_event event, bool open)
{
    INK_PROMISE(event != INK_PEN_SYMBOL || (pen->count >= 1 && pen->count <= INK_PEN_POINTS));
    INK_PROMISE(event != INK_PEN_WORD || open);
    INK_PROMISE((event != INK_PEN_FAILURE && event != INK_PEN_STUCK) || !pen->down);
    INK_PROMISE(event != INK_PEN_SYMBOL || (ink_pen_times(pen).pause_cs == INK_LONG_PAUSE_CS) || open);
    return event == INK_PEN_NONE ? open : event == INK_PEN_SYMBOL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static struct ink_pen pen;
    struct ink_pen_config config = ink_pen_settings;
    bool open = false;
    if (count >= 4) {
        config.pen_up_ms = data[0];
        config.word_ms = data[1];
        config.least_ms = data[2];
        config.spacing = data[3];
    }
    ink_pen_init(&pen, &config);
    for (size_t at = 4; at + SAMPLE_BYTES <= count; at += SAMPLE_BYTES) {
        const uint16_t pressure = (uint16_t)(data[at + 4] * 16U);
        const uint16_t x = ink_get_u16(data + at), y = ink_get_u16(data + at + 2);
        /* The highest pressure stands for a silence of x ms. */
        enum ink_pen_event event = data[at + 4] == 255 ? ink_pen_silence(&pen, x) : ink_pen_sample(&pen, x, y, pressure);
        for (int more = 0; event != INK_PEN_NONE; more++) {
            INK_PROMISE(more < 4);
            open = check(&pen, event, open);
            event = ink_pen_pending(&pen);
        }
    }
    return 0;
}
