/* Marking the pixels of lines; of segment_lines.h. */
#include "ink/box.h"
#include "ink/segment_lines.h"

/* A picture whose pixels are marked, as it is looked at along lines of one kind. */
struct marker {
    struct ink_view view;
    uint8_t *pixels;
    uint8_t own, under; /* the bits of ink that is a line's alone, and of a line's way */
};

/* Set bits of the pixels first .. last across, as far as they are in the picture. */
static void set(const struct marker *marker, uint32_t along, int32_t first, int32_t last, uint32_t bits)
{
    const struct ink_view *view = &marker->view;
    for (int32_t place = ink_larger(first, 0); place <= last && place < (int32_t)view->across; place++) {
        uint8_t *pixel = &marker->pixels[along * view->along_step + (uint32_t)place * view->across_step];
        *pixel = (uint8_t)(*pixel | bits);
    }
}

/* Return how many pixels from a place on are ink without a gap; INK_LINE_THICKEST + 1 at most. */
static int32_t ink_towards(const struct ink_view *view, uint32_t along, int32_t place, int32_t step)
{
    int32_t count = 0;
    while (count <= INK_LINE_THICKEST && ink_is_dark(view, along, place, INK_FAINT)) {
        place += step;
        count++;
    }
    return count;
}

/* Mark where a line meets a stroke: the ink is the line's if the stroke only ends there. */
static void mark_crossing(const struct marker *marker, const struct ink_line *line, uint32_t along, int32_t place)
{
    const struct ink_view *view = &marker->view;
    const int32_t reach = line->width / 2 + 1;
    const int32_t first = ink_larger(place - reach, 0);
    const int32_t last = ink_smaller(place + reach, (int32_t)view->across - 1);
    const int32_t before = ink_towards(view, along, first - 1, -1);
    const int32_t behind = ink_towards(view, along, last + 1, 1);
    int32_t from;
    int32_t to;
    const bool alone = ink_stretch_at(view, along, place, INK_INK, &from, &to) && from >= first && to <= last;
    const bool ends = (before == 0) != (behind == 0) && ink_larger(before, behind) > INK_LINE_THICKEST;
    set(marker, along, first, last, alone || ends ? (uint32_t)marker->own | marker->under : marker->under);
}

/* Mark where a line passes at one of its ends, a little wider than it is. */
static void mark_beyond(const struct marker *marker, const struct ink_line *line, uint32_t along, int32_t place_q8)
{
    const int32_t reach = line->width / 2 + 1;
    const int32_t place = ink_floor_divide(place_q8, 256);
    set(marker, along, place - reach, place + reach, marker->under);
}

static void mark_line(const struct marker *marker, const struct ink_line *line)
{
    struct ink_chain chain = ink_chain_begin(line->first, line->begin_q8);
    for (uint32_t along = line->first; along <= line->last; along++) {
        int32_t first;
        int32_t last;
        if (ink_chain_step(&chain, &marker->view, along, &first, &last)) {
            set(marker, along, first, last, marker->own);
        } else {
            mark_crossing(marker, line, along, ink_floor_divide(chain.place_q8, 256));
        }
    }
    for (uint32_t beyond = 1; beyond <= INK_LINE_ABUTS; beyond++) {
        if (line->first >= beyond) {
            mark_beyond(marker, line, line->first - beyond, line->begin_q8);
        }
        if (line->last + beyond < marker->view.along) {
            mark_beyond(marker, line, line->last + beyond, line->end_q8);
        }
    }
}

void ink_segment_mark_lines(const struct ink_segmenter *s, uint8_t *picture, bool across, bool upright, bool printed)
{
    const struct marker columns = {
        {picture, s->width, s->rows, 1, s->width}, picture, INK_ACROSS, INK_UNDER_ACROSS};
    const struct marker rows = {
        {picture, s->rows, s->width, s->width, 1}, picture, INK_UPRIGHT, INK_UNDER_UPRIGHT};
    for (uint32_t i = 0; i < (uint32_t)s->width * s->rows; i++) {
        picture[i] = (uint8_t)(picture[i] & INK_LEVEL);
    }
    for (uint32_t i = 0; i < s->line_count; i++) {
        const bool is_across = i < s->across_count;
        if ((is_across ? across : upright) && (s->lines[i].printed || !printed)) {
            mark_line(is_across ? &columns : &rows, &s->lines[i]);
        }
    }
}
