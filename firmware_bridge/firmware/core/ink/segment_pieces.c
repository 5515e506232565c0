#include "ink/segment_pieces.h"

#include <stdbool.h>

#include "ink/box.h"

bool ink_segment_at_border(const struct ink_segmenter *s, const struct ink_box *box)
{
    return box->left == 0 || box->top == 0 || box->right + 1u == s->width || box->bottom + 1u == s->rows;
}

/* Return whether a component is no writing but the sheet's edge or a shadow: at the picture's border, and longer than
 * half of the picture. */
static bool is_frame(const struct ink_segmenter *s, const struct ink_box *box)
{
    return ink_segment_at_border(s, box) && (2 * ink_box_width(box) > s->width || 2 * ink_box_height(box) > s->rows);
}

/* Return how far from its border a box's own line may lie. */
static int32_t border(const struct ink_box *box)
{
    return ink_larger(ink_smaller(ink_box_width(box), ink_box_height(box)) / 10, 3);
}

/* Return whether something a third as high or higher lies in a box, away from its border. */
static bool holds_one(const struct ink_segmenter *s, const struct ink_box *box)
{
    const int32_t wide = border(box);
    for (uint32_t i = 0; i < s->component_count; i++) {
        const struct ink_box *other = &s->components[i].box;
        if (box->left + wide <= other->left && other->right <= box->right - wide && box->top + wide <= other->top &&
            other->bottom <= box->bottom - wide && 3 * ink_box_height(other) >= ink_box_height(box)) {
            return true;
        }
    }
    return false;
}

/* Return the ink of a component that is not near the border of its box. */
static uint32_t inner_ink(const struct ink_segmenter *s, uint32_t component)
{
    const struct ink_box *box = &s->components[component].box;
    const int32_t wide = border(box);
    uint32_t inner = 0;
    for (uint32_t i = 0; i < s->run_count; i++) {
        const struct ink_run *run = &s->runs[i];
        if (run->label == component && box->top + wide <= run->row && run->row <= box->bottom - wide) {
            const int32_t left = ink_larger(run->left, box->left + wide);
            const int32_t right = ink_smaller(run->right, box->right - wide);
            inner += (uint32_t)ink_larger(right - left + 1, 0);
        }
    }
    return inner;
}

/* Return whether a component is a printed box: its ink lies near its border, and it holds writing. */
static bool is_printed_box(const struct ink_segmenter *s, uint32_t component)
{
    const struct ink_component *c = &s->components[component];
    return holds_one(s, &c->box) && 16u * inner_ink(s, component) <= c->area;
}

/* Drop edges, shadows and boxes, and measure the pen's width in what is left. Return false if nothing is left. */
static bool measure_pen(struct ink_segmenter *s)
{
    uint32_t area = 0;
    uint32_t runs = 0;
    s->framed = false;
    for (uint32_t i = 0; i < s->component_count; i++) {
        struct ink_component *component = &s->components[i];
        const bool frame = is_frame(s, &component->box);
        s->framed = s->framed || frame;
        component->group = frame || is_printed_box(s, i) ? INK_SEGMENT_DROPPED : 0;
        area += component->group == 0 ? component->area : 0;
    }
    for (uint32_t i = 0; i < s->run_count; i++) {
        runs += s->components[s->runs[i].label].group == 0 ? 1u : 0u;
    }
    s->pen = runs > 0 ? area / runs : 0;
    return runs > 0;
}

/* Measure the symbols' height: the lowest one for which half of the ink belongs to pieces of at most this height. */
static void measure_height(struct ink_segmenter *s)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        total += s->areas[i];
    }
    s->height = s->rows;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const uint32_t height = (uint32_t)ink_box_height(&s->boxes[i]);
        uint32_t lower = 0;
        for (uint32_t j = 0; j < s->piece_count; j++) {
            lower += (uint32_t)ink_box_height(&s->boxes[j]) <= height ? s->areas[j] : 0;
        }
        if (2u * lower >= total && height < s->height) {
            s->height = height;
        }
    }
}

/* Make a piece of each component that is no speck. Return false if there are too many. */
static bool find_pieces(struct ink_segmenter *s)
{
    const uint32_t least = s->pen * s->pen / 2u > 4u ? s->pen * s->pen / 2u : 4u;
    s->piece_count = 0;
    for (uint32_t i = 0; i < s->component_count; i++) {
        struct ink_component *component = &s->components[i];
        if (component->group == INK_SEGMENT_DROPPED || component->area < least) {
            component->group = INK_SEGMENT_DROPPED;
            continue;
        }
        if (s->piece_count == INK_SEGMENT_PIECES) {
            return false;
        }
        component->group = s->piece_count;
        s->boxes[s->piece_count] = component->box;
        s->areas[s->piece_count++] = component->area;
    }
    return true;
}

/* Return whether at least half of the narrower box lies below or above the other. */
static bool is_stacked(const struct ink_box *a, const struct ink_box *b)
{
    const int32_t shared = -ink_gap(a->left, a->right, b->left, b->right);
    return 2 * shared >= ink_smaller(ink_box_width(a), ink_box_width(b));
}

/* Return how far apart two halves of a broken stroke are, one above the other; -1 if they are no such halves. */
static int32_t breach(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b)
{
    const int32_t down = ink_gap(a->top, a->bottom, b->top, b->bottom);
    const int32_t pen = (int32_t)s->pen;
    return is_stacked(a, b) && down <= pen && down >= -pen ? ink_larger(down, 0) : -1;
}

/* Return how far apart two pieces of one symbol are, one of them small; -1 if they are no such pieces. */
static int32_t kinship(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b)
{
    const int32_t across = ink_gap(a->left, a->right, b->left, b->right);
    const int32_t down = ink_gap(a->top, a->bottom, b->top, b->bottom);
    const int32_t height = (int32_t)s->height;
    const int32_t pen = (int32_t)s->pen;
    const struct ink_box both = ink_box_around(a, b);
    const bool small = 5 * ink_smaller(ink_box_height(a), ink_box_height(b)) < 3 * height;
    const bool stacked = is_stacked(a, b) && 2 * down <= height;
    const bool broken = across <= pen && down <= pen && 10 * ink_box_width(&both) <= 11 * height;
    if (!small || 5 * ink_box_height(&both) > 8 * height || !(stacked || broken)) {
        return -1;
    }
    return ink_larger(across, 0) + ink_larger(down, 0);
}

/* Give the components of one piece to another. */
static void regroup(struct ink_segmenter *s, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < s->component_count; i++) {
        if (s->components[i].group == from) {
            s->components[i].group = (uint16_t)to;
        }
    }
}

/* Returns how far apart two pieces of one symbol are, whichever comes first; -1 if they are not of one symbol. */
typedef int32_t distance(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b);

/* The nearest of the pieces behind a piece, the first one of several; `apart` is -1 if there is none. */
struct nearest {
    int16_t apart;
    uint16_t piece;
};

static struct nearest find_nearest(const struct ink_segmenter *s, distance *distance_of, uint32_t piece)
{
    struct nearest nearest = {.apart = -1};
    for (uint32_t i = piece + 1; i < s->piece_count; i++) {
        const int32_t apart = distance_of(s, &s->boxes[piece], &s->boxes[i]);
        if (apart >= 0 && (nearest.apart < 0 || apart < nearest.apart)) {
            nearest = (struct nearest){.apart = (int16_t)apart, .piece = (uint16_t)i};
        }
    }
    return nearest;
}

/* Bring `near` up to date after the box of `piece` has changed. */
static void look_again(const struct ink_segmenter *s, distance *distance_of, uint32_t piece, struct nearest *near)
{
    near[piece] = find_nearest(s, distance_of, piece);
    for (uint32_t i = 0; i < piece; i++) {
        const int32_t apart = distance_of(s, &s->boxes[i], &s->boxes[piece]);
        const bool nearer = apart >= 0 && (near[i].apart < 0 || apart < near[i].apart);
        if (nearer || (apart == near[i].apart && piece <= near[i].piece)) {
            near[i] = (struct nearest){.apart = (int16_t)apart, .piece = (uint16_t)piece};
        } else if (near[i].apart >= 0 && near[i].piece == piece) {
            near[i] = find_nearest(s, distance_of, i);
        }
    }
}

/* Merge the second of two pieces into the first. The last piece takes the second one's place. */
static void merge(struct ink_segmenter *s, uint32_t first, uint32_t second)
{
    s->boxes[first] = ink_box_around(&s->boxes[first], &s->boxes[second]);
    s->areas[first] += s->areas[second];
    regroup(s, second, first);
    s->piece_count--;
    if (second != s->piece_count) {
        s->boxes[second] = s->boxes[s->piece_count];
        s->areas[second] = s->areas[s->piece_count];
        regroup(s, s->piece_count, second);
    }
}

/* Merge the two nearest pieces of one symbol, the first of several pairs, until there are none. */
static void merge_pieces(struct ink_segmenter *s, distance *distance_of)
{
    struct nearest near[INK_SEGMENT_PIECES];
    for (uint32_t i = 0; i < s->piece_count; i++) {
        near[i] = find_nearest(s, distance_of, i);
    }
    for (;;) {
        uint32_t first = s->piece_count;
        for (uint32_t i = 0; i < s->piece_count; i++) {
            if (near[i].apart >= 0 && (first == s->piece_count || near[i].apart < near[first].apart)) {
                first = i;
            }
        }
        if (first == s->piece_count) {
            return;
        }
        const uint32_t second = near[first].piece;
        merge(s, first, second);
        for (uint32_t i = 0; i < s->piece_count; i++) {
            if (near[i].apart >= 0 && (near[i].piece == second || near[i].piece == s->piece_count)) {
                near[i] = find_nearest(s, distance_of, i);
            }
        }
        look_again(s, distance_of, first, near);
        if (second < s->piece_count) {
            look_again(s, distance_of, second, near);
        }
    }
}

int ink_segment_height(struct ink_segmenter *s)
{
    if (!measure_pen(s)) {
        return INK_SEGMENT_BLANK;
    }
    if (!find_pieces(s)) {
        return INK_SEGMENT_OVERFULL;
    }
    merge_pieces(s, breach);
    measure_height(s);
    return 0;
}

int ink_segment_pieces(struct ink_segmenter *s)
{
    const int reason = ink_segment_height(s);
    if (reason < 0) {
        return reason;
    }
    merge_pieces(s, kinship);
    return s->piece_count;
}
