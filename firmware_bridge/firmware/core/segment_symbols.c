#include "segment_symbols.h"

#include <stdbool.h>

#include "mem.h"

/* Shares of a symbol's height here, unless said otherwise. */
enum {
    LEAST_SIDE = 6,    /* pixels of a symbol's larger side */
    LEAST_PART = 3,    /* 1/3: a symbol's larger side, else it is a speck */
    CUT_WIDTH_10 = 12, /* 1.2: what is wider may be several symbols joined */
    TALL_10 = 7        /* 0.7: each of them is as high */
};

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t width_of(const struct ink_box *box)
{
    return (int32_t)box->right - box->left + 1;
}

static int32_t height_of(const struct ink_box *box)
{
    return (int32_t)box->bottom - box->top + 1;
}

static struct ink_box around(const struct ink_box *a, const struct ink_box *b)
{
    return (struct ink_box){
        .left = a->left < b->left ? a->left : b->left,
        .top = a->top < b->top ? a->top : b->top,
        .right = a->right > b->right ? a->right : b->right,
        .bottom = a->bottom > b->bottom ? a->bottom : b->bottom,
    };
}

/* Pixels of paper between two stretches; negative: they overlap by as many. */
static int32_t gap(uint16_t a_from, uint16_t a_to, uint16_t b_from, uint16_t b_to)
{
    return (int32_t)(a_from > b_from ? a_from : b_from) - (a_to < b_to ? a_to : b_to) - 1;
}

/* No writing: longer than half of the picture and at its border: the sheet's edge, a shadow. */
static bool is_frame(const struct ink_segmenter *s, const struct ink_box *box)
{
    const bool at_border =
        box->left == 0 || box->top == 0 || box->right + 1u == s->width || box->bottom + 1u == s->rows;
    return at_border && (2 * width_of(box) > s->width || 2 * height_of(box) > s->rows);
}

/* Frames dropped; the pen's width from what is left. False if nothing is. */
static bool measure_pen(struct ink_segmenter *s)
{
    uint32_t area = 0;
    uint32_t runs = 0;
    for (uint32_t i = 0; i < s->component_count; i++) {
        struct ink_component *component = &s->components[i];
        component->group = is_frame(s, &component->box) ? INK_SEGMENT_DROPPED : 0;
        area += component->group == 0 ? component->area : 0;
    }
    for (uint32_t i = 0; i < s->run_count; i++) {
        runs += s->components[s->runs[i].label].group == 0 ? 1u : 0u;
    }
    s->pen = runs > 0 ? area / runs : 0;
    return runs > 0;
}

/* The height that half of the ink belongs to pieces of, or lower ones. */
static void measure_height(struct ink_segmenter *s)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        total += s->areas[i];
    }
    s->height = s->rows;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const uint32_t height = (uint32_t)height_of(&s->boxes[i]);
        uint32_t lower = 0;
        for (uint32_t j = 0; j < s->piece_count; j++) {
            lower += (uint32_t)height_of(&s->boxes[j]) <= height ? s->areas[j] : 0;
        }
        if (2u * lower >= total && height < s->height) {
            s->height = height;
        }
    }
}

/* Components that are no specks become pieces. False if there are too many. */
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

/* Whether more than half of the narrower one stands below or above the other. */
static bool is_stacked(const struct ink_box *a, const struct ink_box *b)
{
    const int32_t shared = -gap(a->left, a->right, b->left, b->right);
    return 2 * shared >= smaller(width_of(a), width_of(b));
}

/* How far apart two halves of a broken stroke are, one above the other; -1 if they are no such halves. */
static int32_t breach(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b)
{
    const int32_t down = gap(a->top, a->bottom, b->top, b->bottom);
    const int32_t pen = (int32_t)s->pen;
    return is_stacked(a, b) && down <= pen && down >= -pen ? larger(down, 0) : -1;
}

/* How far apart two pieces of one symbol are, one of them small; -1 if they are no such pieces. */
static int32_t kinship(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b)
{
    const int32_t across = gap(a->left, a->right, b->left, b->right);
    const int32_t down = gap(a->top, a->bottom, b->top, b->bottom);
    const int32_t height = (int32_t)s->height;
    const int32_t pen = (int32_t)s->pen;
    const struct ink_box both = around(a, b);
    const bool small = 5 * smaller(height_of(a), height_of(b)) < 3 * height;
    const bool stacked = is_stacked(a, b) && 2 * down <= height;
    const bool broken = across <= pen && down <= pen && 10 * width_of(&both) <= 11 * height;
    if (!small || 5 * height_of(&both) > 8 * height || !(stacked || broken)) {
        return -1;
    }
    return larger(across, 0) + larger(down, 0);
}

static void regroup(struct ink_segmenter *s, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < s->component_count; i++) {
        if (s->components[i].group == from) {
            s->components[i].group = (uint16_t)to;
        }
    }
}

/* How far apart two pieces of one symbol are; -1 if they are not of one. */
typedef int32_t distance(const struct ink_segmenter *s, const struct ink_box *a, const struct ink_box *b);

/* Merge the two nearest pieces of one symbol, again and again. */
static void merge_pieces(struct ink_segmenter *s, distance *distance_of)
{
    for (;;) {
        int32_t nearest = -1;
        uint32_t first = 0;
        uint32_t second = 0;
        for (uint32_t i = 0; i < s->piece_count; i++) {
            for (uint32_t j = i + 1; j < s->piece_count; j++) {
                const int32_t apart = distance_of(s, &s->boxes[i], &s->boxes[j]);
                if (apart >= 0 && (nearest < 0 || apart < nearest)) {
                    nearest = apart;
                    first = i;
                    second = j;
                }
            }
        }
        if (nearest < 0) {
            return;
        }
        s->boxes[first] = around(&s->boxes[first], &s->boxes[second]);
        s->areas[first] += s->areas[second];
        regroup(s, second, first);
        s->piece_count--;
        if (second != s->piece_count) {
            s->boxes[second] = s->boxes[s->piece_count];
            s->areas[second] = s->areas[s->piece_count];
            regroup(s, s->piece_count, second);
        }
    }
}

/* Ink of a group in each column of the picture: how much, its first and its last row. */
static void measure_columns(struct ink_segmenter *s, uint32_t group)
{
    for (uint32_t x = 0; x < s->width; x++) {
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

/* Whether two symbols may be joined here: thin ink, and not far apart as the two strokes of a 0. */
static bool is_joint(const struct ink_segmenter *s, const struct ink_column *column)
{
    const int32_t high = (int32_t)column->bottom - column->top + 1;
    return 2u * column->ink <= 3u * s->pen + 2u && 3 * high <= (int32_t)s->height;
}

/* Where to cut joints side by side, columns from .. to: where there is least ink, rather near their middle. */
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

/* Around the group's ink in columns from .. to; its left is UINT16_MAX if there is none. */
static struct ink_box box_of(const struct ink_segmenter *s, uint32_t group, uint32_t from, uint32_t to)
{
    struct ink_box box = {.left = UINT16_MAX, .top = UINT16_MAX};
    for (uint32_t i = 0; i < s->run_count; i++) {
        const struct ink_run *run = &s->runs[i];
        if (s->components[run->label].group == group && run->right >= from && run->left <= to) {
            const struct ink_box piece = {
                .left = run->left > from ? run->left : (uint16_t)from,
                .top = run->row,
                .right = run->right < to ? run->right : (uint16_t)to,
                .bottom = run->row,
            };
            box = around(&box, &piece);
        }
    }
    return box;
}

/* The group's ink in columns from .. to as a symbol, unless it is a speck. False if there are too many symbols. */
static bool add_symbol(struct ink_segmenter *s, uint32_t group, uint32_t from, uint32_t to)
{
    const struct ink_box box = box_of(s, group, from, to);
    const int32_t side = larger(width_of(&box), height_of(&box));
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

/* Whether the group's ink in columns from .. to is as high as a symbol. */
static bool is_tall(const struct ink_segmenter *s, uint32_t group, uint32_t from, uint32_t to)
{
    const struct ink_box box = box_of(s, group, from, to);
    return box.left != UINT16_MAX && 10 * height_of(&box) >= TALL_10 * (int32_t)s->height;
}

/* Symbols of a group: one, or several that are joined by thin strokes. */
static bool cut_group(struct ink_segmenter *s, uint32_t group)
{
    const struct ink_box *box = &s->boxes[group];
    if (10 * width_of(box) <= CUT_WIDTH_10 * (int32_t)s->height) {
        return add_symbol(s, group, box->left, box->right);
    }
    uint32_t from = box->left;
    measure_columns(s, group);
    for (uint32_t x = from; x < box->right; x++) {
        if (!is_joint(s, &s->columns[x])) {
            continue;
        }
        const uint32_t first = x;
        while (x + 1u < box->right && is_joint(s, &s->columns[x + 1u])) {
            x++;
        }
        const uint32_t cut = find_cut(s, first, x);
        if (cut > from && is_tall(s, group, from, cut - 1u) && is_tall(s, group, cut, box->right)) {
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

/* Sort by `key`, equal ones as they are. */
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

/* From left to right, each symbol goes on the line whose last symbol is most beside it, or begins a line. */
static uint32_t find_lines(struct ink_segmenter *s, uint16_t ends[INK_SEGMENT_SYMBOLS])
{
    uint32_t lines = 0;
    for (uint32_t i = 0; i < s->symbol_count; i++) {
        const struct ink_box *box = &s->symbols[i].box;
        int32_t most = 0;
        uint32_t line = lines;
        for (uint32_t j = 0; j < lines; j++) {
            const struct ink_box *end = &s->symbols[ends[j]].box;
            const int32_t shared = -gap(box->top, box->bottom, end->top, end->bottom);
            if (shared > most && 2 * shared >= smaller(height_of(box), height_of(end))) {
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

/* Lines from top to bottom by the middle of their first symbols, symbols in them from left to right. */
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

int ink_segment_symbols(struct ink_segmenter *s)
{
    if (!measure_pen(s)) {
        return INK_SEGMENT_BLANK;
    }
    if (!find_pieces(s)) {
        return INK_SEGMENT_OVERFULL;
    }
    merge_pieces(s, breach);
    measure_height(s);
    merge_pieces(s, kinship);
    for (uint32_t group = 0; group < s->piece_count; group++) {
        if (!cut_group(s, group)) {
            s->symbol_count = 0;
            return INK_SEGMENT_TOO_MANY;
        }
    }
    order(s);
    return s->symbol_count > 0 ? s->symbol_count : INK_SEGMENT_BLANK;
}
