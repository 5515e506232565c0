/* Following lines; of segment_lines.h. */
#include "ink/box.h"
#include "ink/segment_lines.h"

enum {
    NEAR_Q8 = 384,            /* how far off the line's ink may be from where it is expected */
    STEEPEST_Q14 = 64 * 64,   /* a quarter of a pixel a pixel */
    LONGEST_GAP = 2,
    LEAST_ACROSS = 16,
    LEAST_UPRIGHT = 5,
    KNOWN_SLOPE = 32,         /* from this length on a line goes on behind strokes as it came */
    LONGEST_CROSSING = 96,
    LONG_UPRIGHT = 96         /* pixels that no symbol's stroke is long without a bend */
};

int32_t ink_floor_divide(int32_t a, int32_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int32_t magnitude(int32_t value)
{
    return value < 0 ? -value : value;
}

bool ink_stretch_at(const struct ink_view *view, uint32_t along, int32_t place, uint8_t darkness, int32_t *first,
                    int32_t *last)
{
    for (int32_t start = place - 1; start <= place + 1; start++) {
        if (ink_is_dark(view, along, start, darkness)) {
            *first = *last = start;
            while (*last - *first < INK_LINE_THICKEST && ink_is_dark(view, along, *first - 1, darkness)) {
                (*first)--;
            }
            while (*last - *first < INK_LINE_THICKEST && ink_is_dark(view, along, *last + 1, darkness)) {
                (*last)++;
            }
            return true;
        }
    }
    return false;
}

struct ink_chain ink_chain_begin(uint32_t along, int32_t place_q8)
{
    return (struct ink_chain){
        .line = {.first = (uint16_t)along, .last = (uint16_t)along, .begin_q8 = place_q8, .end_q8 = place_q8,
                 .width = INK_LINE_THICKEST},
        .place_q8 = place_q8};
}

/* Move to where the line is expected. */
static void move(struct ink_chain *chain, uint32_t along)
{
    const struct ink_line *line = &chain->line;
    if (chain->crossing > 0 && chain->thin >= KNOWN_SLOPE) {
        const int32_t rise = (line->end_q8 - line->begin_q8) * ((int32_t)along - line->last);
        chain->place_q8 = line->end_q8 + ink_floor_divide(rise, (int32_t)line->last - line->first);
    } else {
        chain->place_q8 += ink_floor_divide(chain->slope_q14, 64);
    }
}

bool ink_chain_step(struct ink_chain *chain, const struct ink_view *view, uint32_t along, int32_t *first, int32_t *last)
{
    struct ink_line *line = &chain->line;
    if (along > line->first) {
        move(chain, along);
    }
    if (!ink_stretch_at(view, along, ink_floor_divide(chain->place_q8, 256), INK_FAINT, first, last)) {
        chain->gap++;
        return false;
    }
    const int32_t middle_q8 = (*first + *last + 1) * 128;
    const int32_t off_q8 = middle_q8 - chain->place_q8;
    const int32_t width = *last - *first + 1;
    if (width > ink_smaller(line->width + INK_LINE_THICKER, INK_LINE_THICKEST) || magnitude(off_q8) > NEAR_Q8) {
        chain->crossing++;
        return false;
    }
    chain->place_q8 += ink_floor_divide(off_q8, 4);
    chain->slope_q14 += off_q8;
    chain->sum_q8 += middle_q8;
    chain->thin++;
    chain->gap = chain->crossing = 0;
    line->width = (uint8_t)ink_smaller(line->width, width);
    line->last = (uint16_t)along;
    line->end_q8 = chain->place_q8;
    return true;
}

static bool has_ended(const struct ink_chain *chain)
{
    return chain->gap > LONGEST_GAP || chain->crossing > ink_smaller(chain->thin, LONGEST_CROSSING) ||
           magnitude(chain->slope_q14) > STEEPEST_Q14;
}

/* Return whether what was followed is a line: long enough, not crossed too often, not bent. */
static bool is_line(const struct ink_chain *chain)
{
    const struct ink_line *line = &chain->line;
    const int32_t length = (int32_t)line->last - line->first + 1;
    const int32_t bent = 2 * chain->sum_q8 - chain->thin * (line->begin_q8 + line->end_q8);
    return chain->thin >= LEAST_UPRIGHT && 2 * chain->thin >= length && magnitude(bent) <= 2 * NEAR_Q8 * chain->thin;
}

/* Keep a line that may be a printed one. Return false if there are too many. */
static bool keep(struct ink_segmenter *s, const struct ink_chain *chain, bool upright)
{
    struct ink_line line = chain->line;
    const int32_t length = (int32_t)line.last - line.first + 1;
    line.free_last = chain->crossing == 0;
    if (!is_line(chain)) {
        return true;
    }
    if (upright) {
        if (length < LONG_UPRIGHT && !(line.free_first && line.free_last) &&
            ink_segment_ends_at(&line, s->lines, s->across_count, INK_ANY_LINE) == 0) {
            return true;
        }
    } else if (length < LEAST_ACROSS) {
        return true;
    }
    if (s->line_count == INK_SEGMENT_LINES) {
        return false;
    }
    s->lines[s->line_count++] = line;
    return true;
}

/* Return whether a stretch of ink may begin a line: no line that is followed is there. */
static bool is_new(const struct ink_segmenter *s, uint32_t open, int32_t first, int32_t last)
{
    for (uint32_t i = 0; i < open; i++) {
        const int32_t place = ink_floor_divide(s->chains[i].place_q8, 256);
        if (first - 1 <= place && place <= last + 1) {
            return false;
        }
    }
    return open < INK_SEGMENT_OPEN;
}

static struct ink_chain begin(const struct ink_view *view, uint32_t along, int32_t first, int32_t last)
{
    struct ink_chain chain = ink_chain_begin(along, (first + last + 1) * 128);
    chain.line.free_first = true;
    for (int32_t place = first - 1; place <= last + 1; place++) {
        if (along > 0 && ink_is_dark(view, along - 1u, place, INK_FAINT)) {
            chain.line.free_first = false;
        }
    }
    (void)ink_chain_step(&chain, view, along, &first, &last);
    return chain;
}

/* Begin to follow all thin stretches of ink at a place along that are not being followed. Return how many there are. */
static uint32_t begin_some(struct ink_segmenter *s, const struct ink_view *view, uint32_t along, uint32_t open)
{
    const uint8_t *pixel = view->pixels + along * view->along_step;
    for (int32_t first = 0; first < (int32_t)view->across; first++) {
        if (pixel[(uint32_t)first * view->across_step] == INK_PAPER) {
            continue;
        }
        int32_t last = first;
        while (ink_is_dark(view, along, last + 1, INK_FAINT)) {
            last++;
        }
        if (last - first < INK_LINE_THICKEST && is_new(s, open, first, last)) {
            s->chains[open++] = begin(view, along, first, last);
        }
        first = last;
    }
    return open;
}

/* Find the lines along a view. Return false if there are too many. */
static bool trace(struct ink_segmenter *s, const struct ink_view *view, bool upright)
{
    uint32_t open = 0;
    for (uint32_t along = 0; along < view->along; along++) {
        uint32_t still = 0;
        for (uint32_t i = 0; i < open; i++) {
            int32_t first;
            int32_t last;
            (void)ink_chain_step(&s->chains[i], view, along, &first, &last);
            if (!has_ended(&s->chains[i])) {
                s->chains[still++] = s->chains[i];
            } else if (!keep(s, &s->chains[i], upright)) {
                return false;
            }
        }
        open = begin_some(s, view, along, still);
    }
    for (uint32_t i = 0; i < open; i++) {
        if (!keep(s, &s->chains[i], upright)) {
            return false;
        }
    }
    return true;
}

bool ink_segment_find_lines(struct ink_segmenter *s, const uint8_t *picture)
{
    const struct ink_view columns = {picture, s->width, s->rows, 1, s->width};
    const struct ink_view rows = {picture, s->rows, s->width, s->width, 1};
    s->line_count = 0;
    s->across_count = 0;
    if (!trace(s, &columns, false)) {
        return false;
    }
    s->across_count = s->line_count;
    return trace(s, &rows, true);
}
