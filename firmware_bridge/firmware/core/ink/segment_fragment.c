#include "line/mem.h"
#include "ink/segment.h"

/* Lengths in the fragment are in 1/256 pixel (_q8); pixel i reaches from 256 i to 256 (i + 1). */
enum {
    INK_BOX = 25,               /* larger side of the ink */
    PAPER_Q8 = INK_SIDE * 256,  /* side of the fragment */
    THINNEST_Q8 = 460,          /* a thinner line is widened to this, to be as grey as a downscaled line */
    FULL = 65536,               /* a pixel covered with ink */
    SMOOTH_FULL = 16 * FULL,    /* a pixel that is covered with ink, as are those around it, after smoothing */
    EDGE_GAIN = 510             /* grey levels for SMOOTH_FULL: from paper to ink while coverage goes from 1/4 to 3/4 */
};

/* How a symbol is scaled and moved onto the fragment. */
struct placement {
    uint32_t scale_q16; /* fragment pixels for one of the picture */
    int32_t right_q8, down_q8;
    int32_t grow_q8; /* added to each side of a run: thin lines get thicker */
};

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Return how many pixels of a run are the symbol's, 0 if none; *left is the first of them. */
static uint32_t part_of(const struct ink_segmenter *s, const struct ink_symbol *symbol, const struct ink_run *run,
                        uint32_t *left)
{
    if (s->components[run->label].group != symbol->group || run->right < symbol->from || run->left > symbol->to) {
        return 0;
    }
    const uint32_t right = run->right < symbol->to ? run->right : symbol->to;
    *left = larger(run->left, symbol->from);
    return right - *left + 1u;
}

/* Return how far to move a symbol so that its mass lies in the middle, but not so far that ink leaves the fragment. */
static int32_t shift_q8(uint64_t twice_moment, uint32_t area, uint32_t extent, uint32_t scale_q16)
{
    /* The moment is about the box's edge, and the middle of a pixel is half a pixel from the pixel's own edge. */
    const uint32_t mean_q8 = (uint32_t)((twice_moment + area) * 128u / larger(area, 1));
    const int32_t mass_q8 = (int32_t)((mean_q8 * scale_q16) >> 16);
    const int32_t most = PAPER_Q8 - (int32_t)((extent * scale_q16) >> 8);
    const int32_t shift = PAPER_Q8 / 2 - mass_q8;
    return shift < 0 ? 0 : shift > most ? most : shift;
}

static struct placement place(const struct ink_segmenter *s, const struct ink_symbol *symbol)
{
    const uint32_t width = (uint32_t)symbol->box.right - symbol->box.left + 1u;
    const uint32_t height = (uint32_t)symbol->box.bottom - symbol->box.top + 1u;
    struct placement placement = {.scale_q16 = ((uint32_t)INK_BOX << 16) / larger(width, height)};
    uint64_t across = 0;
    uint64_t down = 0;
    uint32_t area = 0;
    for (uint32_t i = 0; i < s->run_count; i++) {
        uint32_t left;
        const uint32_t count = part_of(s, symbol, &s->runs[i], &left);
        if (count > 0) {
            across += (2u * (left - symbol->box.left) + count - 1u) * count;
            down += 2u * (uint32_t)(s->runs[i].row - symbol->box.top) * count;
            area += count;
        }
    }
    placement.right_q8 = shift_q8(across, area, width, placement.scale_q16);
    placement.down_q8 = shift_q8(down, area, height, placement.scale_q16);
    const uint32_t pen_q8 = (s->pen * placement.scale_q16) >> 8;
    placement.grow_q8 = pen_q8 < THINNEST_Q8 ? (int32_t)((THINNEST_Q8 - pen_q8) / 2u) : 0;
    return placement;
}

/* Return how much of pixel i lies between two places, 0 .. 256. */
static uint32_t overlap(int32_t i, int32_t from_q8, int32_t to_q8)
{
    const int32_t begin = from_q8 > i * 256 ? from_q8 : i * 256;
    const int32_t end = to_q8 < i * 256 + 256 ? to_q8 : i * 256 + 256;
    return end > begin ? (uint32_t)(end - begin) : 0;
}

/* Add the ink of a rectangle, whose sides are in _q8, to the pixels that it covers. */
static void cover(uint32_t ink[INK_GREY_FRAGMENT_BYTES], int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    left = left < 0 ? 0 : left;
    top = top < 0 ? 0 : top;
    right = right > PAPER_Q8 ? PAPER_Q8 : right;
    bottom = bottom > PAPER_Q8 ? PAPER_Q8 : bottom;
    for (int32_t row = top / 256; row * 256 < bottom; row++) {
        const uint32_t high = overlap(row, top, bottom);
        for (int32_t column = left / 256; column * 256 < right; column++) {
            ink[row * INK_SIDE + column] += high * overlap(column, left, right);
        }
    }
}

static uint32_t at(const uint32_t ink[INK_GREY_FRAGMENT_BYTES], int row, int column)
{
    if (row < 0 || row >= INK_SIDE || column < 0 || column >= INK_SIDE) {
        return 0;
    }
    const uint32_t value = ink[row * INK_SIDE + column];
    return value < FULL ? value : FULL;
}

/* Return the weighted sum of a pixel and those around it, 1 2 1 across and down. */
static uint32_t smooth(const uint32_t ink[INK_GREY_FRAGMENT_BYTES], int row, int column)
{
    uint32_t sum = 0;
    for (int y = -1; y <= 1; y++) {
        const uint32_t across =
            at(ink, row + y, column - 1) + 2u * at(ink, row + y, column) + at(ink, row + y, column + 1);
        sum += y == 0 ? 2u * across : across;
    }
    return sum;
}

void ink_segment_fragment(const struct ink_segmenter *s, int index, uint8_t pixels[INK_GREY_FRAGMENT_BYTES])
{
    ink_fill(pixels, 0, INK_GREY_FRAGMENT_BYTES);
    if (index < 0 || index >= s->symbol_count) {
        return;
    }
    const struct ink_symbol *symbol = &s->symbols[index];
    const struct placement placement = place(s, symbol);
    uint32_t ink[INK_GREY_FRAGMENT_BYTES];
    ink_fill(ink, 0, sizeof ink);
    for (uint32_t i = 0; i < s->run_count; i++) {
        uint32_t left;
        const uint32_t count = part_of(s, symbol, &s->runs[i], &left);
        if (count == 0) {
            continue;
        }
        const uint32_t x = left - symbol->box.left;
        const uint32_t y = (uint32_t)(s->runs[i].row - symbol->box.top);
        const int32_t grow = placement.grow_q8;
        cover(ink, (int32_t)((x * placement.scale_q16) >> 8) + placement.right_q8 - grow,
              (int32_t)((y * placement.scale_q16) >> 8) + placement.down_q8 - grow,
              (int32_t)(((x + count) * placement.scale_q16) >> 8) + placement.right_q8 + grow,
              (int32_t)(((y + 1u) * placement.scale_q16) >> 8) + placement.down_q8 + grow);
    }
    for (int row = 0; row < INK_SIDE; row++) {
        for (int column = 0; column < INK_SIDE; column++) {
            const int32_t above = (int32_t)smooth(ink, row, column) - SMOOTH_FULL / 4;
            const int32_t grey = above < 0 ? 0 : above * EDGE_GAIN / SMOOTH_FULL;
            pixels[row * INK_SIDE + column] = (uint8_t)(grey > 255 ? 255 : grey);
        }
    }
}
