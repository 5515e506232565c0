#include "ink/segment.h"

#include <stdbool.h>

#include "ink/segment_lines.h"
#include "ink/segment_pieces.h"
#include "ink/segment_symbols.h"

enum { LEAST_SIDE = 16 /* pixels of a picture */ };

/* Return the first run that a run is known to hang together with, and shorten the way to it. */
static uint32_t root_of(struct ink_segmenter *s, uint32_t run)
{
    while (s->runs[run].label != run) {
        s->runs[run].label = s->runs[s->runs[run].label].label;
        run = s->runs[run].label;
    }
    return run;
}

static void unite(struct ink_segmenter *s, uint32_t a, uint32_t b)
{
    a = root_of(s, a);
    b = root_of(s, b);
    if (a < b) {
        s->runs[b].label = (uint16_t)a;
    } else {
        s->runs[a].label = (uint16_t)b;
    }
}

/* Return whether a marked pixel is as dark as this and no line's; where two lines cross is theirs. */
static bool is_written(uint8_t pixel, uint8_t darkness)
{
    const uint8_t crossed = INK_UNDER_ACROSS | INK_UNDER_UPRIGHT;
    return (pixel & INK_LEVEL) >= darkness && pixel < INK_ACROSS && (pixel & crossed) != crossed;
}

/* Find the runs of row y, and add their pixels to *ink. Return false if there are too many runs. */
static bool find_runs(struct ink_segmenter *s, const uint8_t *picture, uint32_t y, uint8_t darkness, uint32_t *ink)
{
    const uint8_t *row = picture + y * s->width;
    bool inside = false;
    for (uint32_t x = 0; x < s->width; x++) {
        const bool dark = is_written(row[x], darkness);
        if (dark && !inside) {
            if (s->run_count == INK_SEGMENT_RUNS) {
                return false;
            }
            s->runs[s->run_count] = (struct ink_run){.left = (uint16_t)x, .row = (uint16_t)y, .label = s->run_count};
            s->run_count++;
        }
        if (dark) {
            s->runs[s->run_count - 1u].right = (uint16_t)x;
            *ink += 1u;
        }
        inside = dark;
    }
    return true;
}

/* Unite runs of a row, which begin at `first`, with those of the row above, which begin at `above`, that they touch,
 * be it by a corner. */
static void connect(struct ink_segmenter *s, uint32_t above, uint32_t first)
{
    for (uint32_t run = first; run < s->run_count; run++) {
        const struct ink_run *mine = &s->runs[run];
        while (above < first && s->runs[above].right + 1u < mine->left) {
            above++;
        }
        for (uint32_t other = above; other < first && s->runs[other].left <= mine->right + 1u; other++) {
            unite(s, other, run);
        }
    }
}

/* Find all runs and unite those that touch. Return false if there are too many, or if more than 2/5 of the
 * picture is ink. */
static bool find_ink(struct ink_segmenter *s, const uint8_t *picture, uint8_t darkness)
{
    uint32_t above = 0;
    uint32_t ink = 0;
    s->run_count = 0;
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint32_t first = s->run_count;
        if (!find_runs(s, picture, y, darkness, &ink)) {
            return false;
        }
        connect(s, above, first);
        above = first;
    }
    return ink * 5u <= 2u * (uint32_t)s->width * s->rows;
}

static void widen(struct ink_box *box, const struct ink_run *run)
{
    box->left = run->left < box->left ? run->left : box->left;
    box->right = run->right > box->right ? run->right : box->right;
    box->bottom = run->row; /* runs come row by row */
}

/* Number the components in the order of their first runs, and label all runs with them. Return false if there are too
 * many components. */
static bool find_components(struct ink_segmenter *s)
{
    s->component_count = 0;
    /* A run's root comes before the run, so from the last run on each label may be replaced by its root. */
    for (uint32_t run = s->run_count; run-- > 0;) {
        s->runs[run].label = (uint16_t)root_of(s, run);
    }
    for (uint32_t i = 0; i < s->run_count; i++) {
        struct ink_run *run = &s->runs[i];
        if (run->label == i) {
            if (s->component_count == INK_SEGMENT_COMPONENTS) {
                return false;
            }
            run->label = s->component_count++;
            s->components[run->label] = (struct ink_component){
                .box = {.left = run->left, .top = run->row, .right = run->right, .bottom = run->row}};
        } else {
            run->label = s->runs[run->label].label;
        }
        struct ink_component *component = &s->components[run->label];
        widen(&component->box, run);
        component->area += (uint32_t)run->right - run->left + 1u;
    }
    return true;
}

/* Find the symbols if ink is what is as dark as this. Return what ink_segment returns. */
static int read_at(struct ink_segmenter *s, const uint8_t *picture, uint8_t darkness)
{
    s->symbol_count = 0;
    if (!find_ink(s, picture, darkness) || !find_components(s)) {
        return INK_SEGMENT_OVERFULL;
    }
    return ink_segment_symbols(s);
}

/* Measure the writing's height, without the lines if there is writing without them; 0 if there is none. */
static void measure_height(struct ink_segmenter *s, uint8_t *picture)
{
    s->height = 0;
    for (int with = 2; with >= 0 && s->height == 0; with--) {
        ink_segment_mark_lines(s, picture, with > 0, with > 1, false);
        if (!find_ink(s, picture, INK_INK) || !find_components(s) || ink_segment_height(s) < 0 ||
            s->piece_count == 0) {
            s->height = 0;
        }
    }
}

/* Mark the printed lines. Return 0, or an ink_segment_reason. */
static int leave_out_lines(struct ink_segmenter *s, uint8_t *picture)
{
    if (!ink_segment_find_lines(s, picture)) {
        return INK_SEGMENT_JOINED;
    }
    if (s->line_count > 0) {
        measure_height(s, picture);
        if (!ink_segment_confirm_lines(s)) {
            return INK_SEGMENT_JOINED;
        }
        ink_segment_mark_lines(s, picture, true, true, true);
    }
    return 0;
}

/* Find the symbols of a picture whose lines are marked. Return what ink_segment returns. */
static int read_certainly(struct ink_segmenter *s, const uint8_t *picture)
{
    const int more = read_at(s, picture, INK_FAINT);
    const int fewer = read_at(s, picture, INK_SURE);
    const int symbols = read_at(s, picture, INK_INK);
    if (symbols < 0 || (symbols == more && symbols == fewer)) {
        return symbols;
    }
    s->symbol_count = 0;
    return INK_SEGMENT_UNSURE;
}

int ink_segment(struct ink_segmenter *s, uint8_t *picture, uint16_t width, uint16_t height)
{
    s->symbol_count = 0;
    s->run_count = 0;
    if (width < LEAST_SIDE || height < LEAST_SIDE || width > INK_SEGMENT_SIDE || height > INK_SEGMENT_SIDE ||
        (uint32_t)width * height > INK_SEGMENT_PIXELS) {
        return INK_SEGMENT_SIZE;
    }
    s->width = width;
    s->rows = height;
    int reason = ink_segment_light(s, picture);
    if (reason == 0) {
        reason = leave_out_lines(s, picture);
    }
    return reason < 0 ? reason : read_certainly(s, picture);
}
