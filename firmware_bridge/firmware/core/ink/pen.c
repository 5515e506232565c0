#include "ink/pen.h"

#include "line/mem.h"
#include "ink/settings.h"

const struct ink_pen_config ink_pen_settings = {
    .rate_hz = INK_PEN_RATE_HZ,
    .contact = INK_PEN_CONTACT,
    .release = INK_PEN_RELEASE,
    .nominal = INK_PEN_NOMINAL,
    .gap = INK_PEN_GAP,
    .back = INK_PEN_BACK,
    .line = INK_PEN_LINE,
    .spacing = INK_PEN_SPACING,
    .pen_up_ms = INK_PEN_UP_MS,
    .word_ms = INK_PEN_WORD_MS,
    .least_ms = INK_PEN_LEAST_MS,
};

/* Return how many samples fit into a time, at least 1. */
static uint32_t samples_of(uint32_t time_ms, uint32_t rate_hz)
{
    const uint32_t samples = time_ms * rate_hz / 1000u;
    return samples > 0 ? samples : 1;
}

void ink_pen_init(struct ink_pen *pen, const struct ink_pen_config *config)
{
    ink_fill(pen, 0, sizeof *pen);
    pen->config = *config;
    if (pen->config.rate_hz == 0) {
        pen->config.rate_hz = 1;
    }
    if (pen->config.nominal == 0) {
        pen->config.nominal = 1;
    }
    pen->least_samples = ((uint32_t)pen->config.least_ms * pen->config.rate_hz + 999u) / 1000u;
    pen->stuck_samples = samples_of(INK_PEN_STUCK_MS, pen->config.rate_hz);
    pen->untouched_samples = samples_of(INK_PEN_UNTOUCHED_MS, pen->config.rate_hz);
    pen->pen_up_samples = samples_of(pen->config.pen_up_ms, pen->config.rate_hz);
    pen->word_samples = samples_of(pen->config.word_ms, pen->config.rate_hz);
    pen->idle = pen->word_samples;
    pen->spacing = pen->config.spacing;
}

/* Begin with an empty symbol. */
static void clear(struct ink_pen *pen)
{
    pen->count = 0;
    pen->strokes = 0;
    pen->contacts = 0;
    pen->spacing = pen->config.spacing;
    pen->down = false;
    pen->delivered = false;
}

/* Double the spacing and add 1, drop every other point of each stroke but not its first and its last. */
static void thin_out(struct ink_pen *pen)
{
    uint16_t kept = 0;
    bool odd = false;
    for (uint16_t i = 0; i < pen->count; i++) {
        const bool first = i == 0 || pen->points[i - 1].stroke != pen->points[i].stroke;
        const bool last = i + 1 == pen->count || pen->points[i + 1].stroke != pen->points[i].stroke;
        odd = !(first || odd);
        if (first || last || !odd) {
            pen->points[kept++] = pen->points[i];
        }
    }
    pen->count = kept;
    pen->spacing = pen->spacing < 32768u ? 2u * pen->spacing + 1u : 65535u;
    pen->thinned++;
}

static void keep(struct ink_pen *pen, const struct ink_point *point)
{
    if (pen->count == INK_PEN_POINTS) {
        thin_out(pen);
    }
    pen->points[pen->count++] = *point;
}

static bool same_place(const struct ink_point *a, const struct ink_point *b)
{
    return a->x == b->x && a->y == b->y;
}

/* End the stroke where the pen was last, because it has left the paper. */
static void lift(struct ink_pen *pen)
{
    if (pen->down && !same_place(&pen->points[pen->count - 1], &pen->last)) {
        keep(pen, &pen->last);
    }
    pen->down = false;
}

/* Return whether a stroke that begins at `point` belongs to another symbol. */
static bool is_far(const struct ink_pen *pen, const struct ink_point *point)
{
    const uint32_t x = point->x;
    const uint32_t y = point->y;
    const struct ink_pen_config *config = &pen->config;
    return x > (uint32_t)pen->right + config->gap || x + config->back < pen->left ||
           y > (uint32_t)pen->bottom + config->line || y + config->line < pen->top;
}

/* Extend the symbol's box to a point. */
static void cover(struct ink_pen *pen, const struct ink_point *point)
{
    pen->left = pen->contacts == 0 || point->x < pen->left ? point->x : pen->left;
    pen->top = pen->contacts == 0 || point->y < pen->top ? point->y : pen->top;
    pen->right = pen->contacts == 0 || point->x > pen->right ? point->x : pen->right;
    pen->bottom = pen->contacts == 0 || point->y > pen->bottom ? point->y : pen->bottom;
}

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* Finish the symbol: return INK_PEN_SYMBOL, or drop it as a speck. */
static enum ink_pen_event finish(struct ink_pen *pen)
{
    lift(pen);
    if (pen->ended - pen->began < pen->least_samples) {
        pen->specks++;
        clear(pen);
        return INK_PEN_NONE;
    }
    pen->before = pen->ended;
    pen->delivered = true;
    pen->word_open = true;
    return INK_PEN_SYMBOL;
}

/* Note when the symbol was touched: now. */
static void note_time(struct ink_pen *pen)
{
    if (pen->contacts == 0) {
        pen->began = pen->clock;
        pen->pause = pen->word_open ? pen->clock - pen->before : UINT32_MAX;
    }
    pen->ended = pen->clock;
}

/* Take a contact. If it begins another symbol, return the finished one and hold the contact for `settle`. */
static enum ink_pen_event touch(struct ink_pen *pen, struct ink_point point)
{
    enum ink_pen_event event = INK_PEN_NONE;
    if (!pen->down && pen->contacts > 0 && is_far(pen, &point)) {
        event = finish(pen);
        if (event != INK_PEN_NONE) {
            pen->held = point;
            pen->holding = true;
            return event;
        }
    }
    if (!pen->down) {
        if (pen->strokes == INK_PEN_STROKES) {
            pen->dropped++;
            return event;
        }
        pen->strokes++;
    }
    point.stroke = (uint8_t)(pen->strokes - 1u);
    cover(pen, &point);
    note_time(pen);
    pen->contacts++;
    pen->last = point;
    if (!pen->down || apart(point.x, pen->points[pen->count - 1].x) + apart(point.y, pen->points[pen->count - 1].y) >=
                          pen->spacing) {
        keep(pen, &point);
    }
    pen->down = true;
    return event;
}

/* Do what the last call left: clear a symbol that was returned, take a contact that is held. */
static void settle(struct ink_pen *pen)
{
    if (pen->delivered) {
        clear(pen);
    }
    if (pen->holding) {
        pen->holding = false;
        (void)touch(pen, pen->held); /* into an empty symbol: no event */
    }
}

/* Lose the symbol and the word. */
static void lose(struct ink_pen *pen)
{
    clear(pen);
    pen->idle = pen->word_samples;
    pen->word_open = pen->word_due = false;
}

struct ink_times ink_pen_times(const struct ink_pen *pen)
{
    const uint32_t rate_hz = pen->config.rate_hz;
    const uint32_t lasted = pen->ended - pen->began;
    const bool is_short = lasted <= (INK_LONG_DURATION_MS - 1u) * rate_hz / 1000u;
    const bool is_soon = pen->pause <= (INK_LONG_PAUSE_CS - 1u) * rate_hz / 100u;
    return (struct ink_times){
        .duration_ms = (uint16_t)(is_short ? lasted * 1000u / rate_hz : INK_LONG_DURATION_MS),
        .pause_cs = (uint8_t)(is_soon ? pen->pause * 100u / rate_hz : INK_LONG_PAUSE_CS),
    };
}

enum ink_pen_event ink_pen_pending(struct ink_pen *pen)
{
    settle(pen);
    if (pen->word_due) {
        pen->word_due = false;
        pen->word_open = false;
        return INK_PEN_WORD;
    }
    return INK_PEN_NONE;
}

/* Take a sample without contact. Return what it completed; if that is a symbol and a word, the word is due. */
static enum ink_pen_event leave(struct ink_pen *pen)
{
    lift(pen);
    if (pen->idle == pen->word_samples) {
        return INK_PEN_NONE;
    }
    pen->idle++;
    enum ink_pen_event event = INK_PEN_NONE;
    const bool word = pen->idle == pen->word_samples;
    if (pen->contacts > 0 && (word || pen->idle >= pen->pen_up_samples)) {
        event = finish(pen);
    }
    if (word && pen->word_open) {
        pen->word_due = event != INK_PEN_NONE;
        pen->word_open = pen->word_due;
        return pen->word_due ? event : INK_PEN_WORD;
    }
    return event;
}

enum ink_pen_event ink_pen_silence(struct ink_pen *pen, uint32_t silent_ms)
{
    settle(pen);
    const bool touched = pen->idle == 0;
    if (pen->idle == pen->word_samples || silent_ms < (touched ? INK_PEN_FAILURE_MS : pen->config.word_ms)) {
        return INK_PEN_NONE;
    }
    if (touched) {
        lose(pen);
        return INK_PEN_FAILURE;
    }
    pen->idle = pen->word_samples - 1u;
    return leave(pen);
}

/* Count how long the pen touches, or has not yet. Return what its pressure is then known for. */
static enum ink_pen_event watch(struct ink_pen *pen, bool touches)
{
    if (!touches) {
        pen->touching = 0;
        if (pen->hovering < pen->untouched_samples && ++pen->hovering == pen->untouched_samples) {
            return INK_PEN_UNTOUCHED;
        }
        return INK_PEN_NONE;
    }
    pen->hovering = pen->untouched_samples;
    if (pen->touching < pen->stuck_samples && ++pen->touching == pen->stuck_samples) {
        return INK_PEN_STUCK;
    }
    return INK_PEN_NONE;
}

enum ink_pen_event ink_pen_sample(struct ink_pen *pen, uint16_t x, uint16_t y, uint16_t pressure)
{
    settle(pen);
    pen->clock++;
    const bool touches =
        pressure > 0 && (pressure >= pen->config.contact || (pen->down && pressure >= pen->config.release));
    enum ink_pen_event event = watch(pen, touches);
    if (event == INK_PEN_STUCK) {
        lose(pen);
        return event;
    }
    if (event != INK_PEN_NONE || pen->touching == pen->stuck_samples) {
        return event;
    }
    if (touches) {
        const uint32_t relative = (uint32_t)pressure * INK_RASTER_NOMINAL_PRESSURE / pen->config.nominal;
        const struct ink_point point = {.x = x, .y = y, .pressure = (uint8_t)(relative < 255u ? relative : 255u)};
        pen->idle = 0;
        event = touch(pen, point);
    } else {
        event = leave(pen);
    }
    if (event == INK_PEN_NONE && pen->word_due) {
        return ink_pen_pending(pen);
    }
    return event;
}
