#include "ink/segment_symbols.h"

#include <stdbool.h>

#include "ink/box.h"
#include "ink/segment_pieces.h"

/* Limits; all but LEAST_SIDE are in symbols' heights of this picture. */
enum {
    LEAST_SIDE = 6,    /* a symbol's larger side has at least 6 pixels */
    LEAST_PART = 3,    /* a symbol's larger side is at least 1/3; what is smaller is a speck */
    CUT_WIDTH_10 = 12, /* a piece wider than 1.2 may be several symbols joined */
    WIDEST = 2,        /* a symbol is at most 2 wide, or twice as wide as high */
    TALL_10 = 7        /* each of several joined symbols is at least 0.7 high */
};

/* Measure the ink of a piece, whose number is `group`, in each of its columns: how much, its first and its last row. */
static void measure_columns(struct ink_segmenter *s, uint32_t group)
{
    for (uint32_t x = s->boxes[group].left; x <= s->boxes[group].right; x++) {
        s->columns[x] = (struct ink_column){.top = s->rows};
    }
    for (uint32_t i = 0; i < s->run_count; i++) {
        const struct ink_run *run = &s->runs[i];
        if (s->components[run->label].group != group) {
            continue;
        }
        for (uint32_t x = run->left; x <= run->right; x++) {
            struct ink_column *column = &s->columns[x];
            column->ink++;
            column->top = run->row < column->top ? run->row : column->top;
            column->bottom = run->row; /* runs come row by row */
        }
    }
}

/* Return whether two symbols may be joined in a column: its ink is thin, and lies within a third of the height, unlike
 * the upper and the lower stroke of a 0. */
static bool is_joint(const struct ink_segmenter *s, const struct ink_column *column)
{
    const int32_t high = (int32_t)column->bottom - column->top + 1;
    return 2u * column->ink <= 3u * s->pen + 2u && 3 * high <= (int32_t)s->height;
}

/* Return at which of the joint columns from .. to to cut: where there is little ink, rather near their middle. */
static uint32_t find_cut(const struct ink_segmenter *s, uint32_t from, uint32_t to)
{
    uint32_t best = UINT32_MAX;
    uint32_t cut = from;
    for (uint32_t x = from; x <= to; x++) {
        const uint32_t off_x2 = 2u * x > from + to ? 2u * x - from - to : from + to - 2u * x;
        const uint32_t cost = 2u * s->columns[x].ink * s->height + off_x2 * s->pen;
        if (cost < best) {
            best = cost;
            cut = x;
        }
    }
    return cut;
}

/* Return the box around the ink in columns from .. to of the piece measured last; left is UINT16_MAX without ink. */
static struct ink_box box_of(const struct ink_segmenter *s, uint32_t from, uint32_t to)
{
    struct ink_box box = {.left = UINT16_MAX, .top = UINT16_MAX};
    for (uint32_t x = from; x <= to; x++) {
        const struct ink_column *column = &s->columns[x];
        if (column->ink > 0) {
            const struct ink_box piece = {
                .left = (uint16_t)x, .top = column->top, .right = (uint16_t)x, .bottom = column->bottom};
            box = ink_box_around(&box, &piece);
        }
    }
    return box;
}

/* Add a piece's ink in columns from .. to as a symbol, unless it is a speck. Return false if there are too many. */
static bool add_symbol(struct ink_segmenter *s, uint32_t group, uint32_t from, uint32_t to)
{
    const struct ink_box box = box_of(s, from, to);
    const int32_t side = ink_larger(ink_box_width(&box), ink_box_height(&box));
    if (box.left == UINT16_MAX || side < LEAST_SIDE || LEAST_PART * side < (int32_t)s->height) {
        return true;
    }
    if (s->symbol_count == INK_SEGMENT_SYMBOLS) {
        return false;
    }
    s->symbols[s->symbol_count++] = (struct ink_symbol){
        .box = box, .group = (uint16_t)group, .from = (uint16_t)from, .to = (uint16_t)to};
    return true;
}

/* Return whether the ink in columns from .. to of the piece measured last is as high as a symbol. */
static bool is_tall(const struct ink_segmenter *s, uint32_t from, uint32_t to)
{
    const struct ink_box box = box_of(s, from, to);
    return box.left != UINT16_MAX && 10 * ink_box_height(&box) >= TALL_10 * (int32_t)s->height;
}

/* Add the symbols of a piece: one, or several that are joined by thin strokes. Return false if there are too many. */
static bool cut_group(struct ink_segmenter *s, uint32_t group)
{
    const struct ink_box *box = &s->boxes[group];
    measure_columns(s, group);
    if (10 * ink_box_width(box) <= CUT_WIDTH_10 * (int32_t)s->height) {
        return add_symbol(s, group, box->left, box->right);
    }
    uint32_t from = box->left;
    for (uint32_t x = from; x < box->right; x++) {
        if (!is_joint(s, &s->columns[x])) {
            continue;
        }
        const uint32_t first = x;
        while (x + 1u < box->right && is_joint(s, &s->columns[x + 1u])) {
            x++;
        }
        const uint32_t cut = find_cut(s, first, x);
        if (cut > from && is_tall(s, from, cut - 1u) && is_tall(s, cut, box->right)) {
            if (!add_symbol(s, group, from, cut - 1u)) {
                return false;
            }
            from = cut;
        }
    }
    return add_symbol(s, group, from, box->right);
}

static int32_t middle_x2(const struct ink_symbol *symbol)
{
    return (int32_t)symbol->box.left + symbol->box.right;
}

/* Sort the symbols by `key`; equal ones stay in their order. */
static void sort_symbols(struct ink_segmenter *s, int32_t (*key)(const struct ink_symbol *))
{
    for (uint32_t i = 1; i < s->symbol_count; i++) {
        const struct ink_symbol symbol = s->symbols[i];
        uint32_t place = i;
        for (; place > 0 && key(&s->symbols[place - 1]) > key(&symbol); place--) {
            s->symbols[place] = s->symbols[place - 1];
        }
        s->symbols[place] = symbol;
    }
}

static int32_t by_line(const struct ink_symbol *symbol)
{
    return symbol->line;
}

/* Put each symbol, from left to right, on the line whose last symbol shares most rows with it, or on a new line.
 * Return how many lines there are. */
static uint32_t find_lines(struct ink_segmenter *s, uint16_t ends[INK_SEGMENT_SYMBOLS])
{
    uint32_t lines = 0;
    for (uint32_t i = 0; i < s->symbol_count; i++) {
        const struct ink_box *box = &s->symbols[i].box;
        int32_t most = 0;
        uint32_t line = lines;
        for (uint32_t j = 0; j < lines; j++) {
            const struct ink_box *end = &s->symbols[ends[j]].box;
            const int32_t shared = -ink_gap(box->top, box->bottom, end->top, end->bottom);
            if (shared > most && 2 * shared >= ink_smaller(ink_box_height(box), ink_box_height(end))) {
                most = shared;
                line = j;
            }
        }
        ends[line] = (uint16_t)i;
        s->symbols[i].line = (uint16_t)line;
        lines += line == lines ? 1u : 0u;
    }
    return lines;
}

/* Sort the symbols: lines from top to bottom by the middle of their first symbol, each line from left to right. */
static void order(struct ink_segmenter *s)
{
    uint16_t ends[INK_SEGMENT_SYMBOLS] = {0};
    int32_t middles[INK_SEGMENT_SYMBOLS] = {0};
    uint16_t ranks[INK_SEGMENT_SYMBOLS] = {0};
    sort_symbols(s, middle_x2);
    const uint32_t lines = find_lines(s, ends);
    for (uint32_t i = s->symbol_count; i-- > 0;) {
        const struct ink_box *box = &s->symbols[i].box;
        middles[s->symbols[i].line] = (int32_t)box->top + box->bottom;
    }
    for (uint32_t i = 0; i < lines; i++) {
        for (uint32_t j = 0; j < lines; j++) {
            const bool above = j < i ? middles[j] <= middles[i] : middles[j] < middles[i];
            ranks[i] = (uint16_t)(ranks[i] + (above ? 1u : 0u));
        }
    }
    for (uint32_t i = 0; i < s->symbol_count; i++) {
        s->symbols[i].line = ranks[s->symbols[i].line];
    }
    sort_symbols(s, by_line);
}

/* Return why the symbols are not to be relied on, 0 if they are: one reaches the border, or is far too wide. */
static int doubt(const struct ink_segmenter *s)
{
    bool at_border = s->framed;
    bool wide = false;
    for (uint32_t i = 0; i < s->symbol_count; i++) {
        const struct ink_box *box = &s->symbols[i].box;
        at_border = at_border || ink_segment_at_border(s, box);
        wide = wide || ink_box_width(box) > WIDEST * ink_larger((int32_t)s->height, ink_box_height(box));
    }
    return at_border ? INK_SEGMENT_EDGE : wide ? INK_SEGMENT_JOINED : 0;
}

int ink_segment_symbols(struct ink_segmenter *s)
{
    const int pieces = ink_segment_pieces(s);
    if (pieces < 0) {
        return pieces;
    }
    for (uint32_t group = 0; group < s->piece_count; group++) {
        if (!cut_group(s, group)) {
            s->symbol_count = 0;
            return INK_SEGMENT_TOO_MANY;
        }
    }
    const int reason = doubt(s);
    if (reason < 0) {
        s->symbol_count = 0;
        return reason;
    }
    order(s);
    return s->symbol_count > 0 ? s->symbol_count : INK_SEGMENT_BLANK;
}
