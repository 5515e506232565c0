/* The sizes and fields of struct ink_pen and struct ink_segmenter, which Python cannot name. */
#include <stddef.h>

#include "ink/pen.h"
#include "ink/segment.h"

const size_t size_of_pen = sizeof(struct ink_pen);
const size_t size_of_segmenter = sizeof(struct ink_segmenter);

/* The places of the settings in an array of numbers, in the order of the Python twin. */
enum {
    RATE_HZ,
    CONTACT,
    RELEASE,
    NOMINAL,
    GAP,
    BACK,
    LINE,
    SPACING,
    PEN_UP_MS,
    WORD_MS,
    LEAST_MS,
    NUMBERS,
};

void twin_pen_init(struct ink_pen *pen, const uint16_t numbers[NUMBERS])
{
    const struct ink_pen_config config = {
        .rate_hz = numbers[RATE_HZ],
        .contact = numbers[CONTACT],
        .release = numbers[RELEASE],
        .nominal = numbers[NOMINAL],
        .gap = numbers[GAP],
        .back = numbers[BACK],
        .line = numbers[LINE],
        .spacing = numbers[SPACING],
        .pen_up_ms = numbers[PEN_UP_MS],
        .word_ms = numbers[WORD_MS],
        .least_ms = numbers[LEAST_MS],
    };
    ink_pen_init(pen, &config);
}

/* Copy the symbol's points, the counters specks, dropped, thinned, and its times duration_ms, pause_cs.
 * Return how many points there are. */
size_t twin_pen_points(const struct ink_pen *pen, struct ink_point *points, uint32_t counters[5])
{
    for (size_t i = 0; i < pen->count; i++) {
        points[i] = pen->points[i];
    }
    counters[0] = pen->specks;
    counters[1] = pen->dropped;
    counters[2] = pen->thinned;
    counters[3] = ink_pen_times(pen).duration_ms;
    counters[4] = ink_pen_times(pen).pause_cs;
    return pen->count;
}

void twin_pen_defaults(uint16_t numbers[NUMBERS])
{
    const struct ink_pen_config *config = &ink_pen_settings;
    numbers[RATE_HZ] = config->rate_hz;
    numbers[CONTACT] = config->contact;
    numbers[RELEASE] = config->release;
    numbers[NOMINAL] = config->nominal;
    numbers[GAP] = config->gap;
    numbers[BACK] = config->back;
    numbers[LINE] = config->line;
    numbers[SPACING] = config->spacing;
    numbers[PEN_UP_MS] = config->pen_up_ms;
    numbers[WORD_MS] = config->word_ms;
    numbers[LEAST_MS] = config->least_ms;
}
