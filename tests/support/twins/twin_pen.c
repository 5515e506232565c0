/* The sizes and fields of struct ink_pen and struct ink_segmenter, which Python cannot name. */
#include <stddef.h>

#include "ink/pen.h"
#include "ink/segment.h"

const size_t size_of_pen = sizeof(struct ink_pen);
const size_t size_of_segmenter = sizeof(struct ink_segmenter);

void twin_pen_init(struct ink_pen *pen, const uint16_t numbers[11])
{
    const struct ink_pen_config config = {
        .rate_hz = numbers[0],
        .contact = numbers[1],
        .release = numbers[2],
        .nominal = numbers[3],
        .gap = numbers[4],
        .back = numbers[5],
        .line = numbers[6],
        .spacing = numbers[7],
        .pen_up_ms = numbers[8],
        .word_ms = numbers[9],
        .least_samples = (uint8_t)numbers[10],
    };
    ink_pen_init(pen, &config);
}

/* Copy the symbol's points and the counters specks, dropped, thinned. Return how many points there are. */
size_t twin_pen_points(const struct ink_pen *pen, struct ink_point *points, uint32_t counters[3])
{
    for (size_t i = 0; i < pen->count; i++) {
        points[i] = pen->points[i];
    }
    counters[0] = pen->specks;
    counters[1] = pen->dropped;
    counters[2] = pen->thinned;
    return pen->count;
}

void twin_pen_defaults(uint16_t numbers[11])
{
    const struct ink_pen_config *config = &ink_pen_settings;
    const uint16_t values[11] = {config->rate_hz, config->contact, config->release, config->nominal,
                                 config->gap,     config->back,    config->line,    config->spacing,
                                 config->pen_up_ms, config->word_ms, config->least_samples};
    for (int i = 0; i < 11; i++) {
        numbers[i] = values[i];
    }
}
