#include "ink/raster.h"

#include <stdbool.h>

#include "line/mem.h"

/* Lengths are in pixels: _q8 means 1/256 of one, _q10 1/1024. The ink is a ridge along the path whose section is a
 * Gaussian. It is laid down as dabs one standard deviation (sigma) apart: dabs that close add up to an even ridge. */
enum {
    INK_BOX = 25,             /* larger side of the ink */
    MIDDLE_Q8 = 16 * 256,     /* middle of the fragment */
    LAST_Q8 = 32 * 256,       /* middle of the last pixel */
    THINNEST_Q8 = 384,        /* narrowest line, so that none gets lost */
    WIDEST_Q8 = 8 * 256,      /* widest line, so that a dot is no disc that fills the box */
    SIGMA_Q8 = 109,           /* of a line 1 pixel wide at half its height: 1 / (2 sqrt(2 ln 2)) */
    FAINTEST = 80,            /* lowest pressure that is drawn: a fainter line would not reach half of black */
    DABS = 1024,              /* of a symbol at most, and one more for each stroke */
    DENSEST = 4095,           /* ink of one dab at most */
    DAB_Q10 = 412,            /* 1 / sqrt(2 pi) in 1/1024, times (256/255)^2 because the table has 255 for 1 */
    EDGE_GAIN = 561,          /* grey levels for a ridge of height 1: from paper to ink in about one pixel */
    EDGE_OFFSET = 153,        /* grey = EDGE_GAIN * ridge - EDGE_OFFSET: half of black at half of the height */
    BELL_STEPS = 32,          /* entries of the table for one sigma */
    BELL = 3 * BELL_STEPS + 1 /* entries of the table */
};
#define BOX_Q24 ((uint32_t)INK_BOX * 256u << 16)
#define WIDEST_Q24 ((uint32_t)WIDEST_Q8 << 16)
#define RIDGE_ONE ((uint32_t)1 << 18)

/* 255 exp(-u^2 / 2) at u = 0, 1/32 .. 3 */
static const uint8_t bell[BELL] = {
    255, 255, 255, 254, 253, 252, 251, 249, 247, 245, 243, 240, 238, 235, 232, 228, 225, 221, 218, 214,
    210, 206, 201, 197, 192, 188, 183, 179, 174, 169, 164, 159, 155, 150, 145, 140, 135, 131, 126, 121,
    117, 112, 108, 103, 99,  95,  91,  87,  83,  79,  75,  72,  68,  65,  61,  58,  55,  52,  49,  47,
    44,  41,  39,  37,  35,  32,  30,  28,  27,  25,  23,  22,  20,  19,  18,  16,  15,  14,  13,  12,
    11,  10,  10,  9,   8,   7,   7,   6,   6,   5,   5,   4,   4,   4,   3,   3,   3,
};

/* The pen's points, and how they are scaled. */
struct path {
    const struct ink_point *points;
    uint32_t count;
    uint16_t left, top;
    uint32_t scale_q24;           /* from the points' units to 1/256 pixel, times 2^16 */
    uint32_t right_q8, bottom_q8; /* of the path; left and top are 0 */
    uint32_t width_q8, sigma_q8;
    uint32_t step_q10; /* between dabs, at most */
};

struct dab {
    uint32_t x_q8, y_q8;
    uint32_t ink; /* height of the dab alone, in 1/1024 */
};

/* An iterator over the dabs of a path: see next_dab. */
struct walk {
    const struct path *path;
    uint32_t point, end; /* the segment from this point, and the end of its stroke */
    uint32_t passed_q10; /* of the stroke, at the beginning of the segment */
    uint32_t place_q10, spacing_q10;
    uint32_t dabs_left, ink;
};

uint32_t ink_square_root(uint32_t value)
{
    uint32_t root = 0;
    uint32_t bit = (uint32_t)1 << 30;
    while (bit > value) {
        bit >>= 2;
    }
    for (; bit != 0; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t x_of(const struct path *path, uint32_t point)
{
    return ((uint32_t)(path->points[point].x - path->left) * path->scale_q24 + 0x8000u) >> 16;
}

static uint32_t y_of(const struct path *path, uint32_t point)
{
    return ((uint32_t)(path->points[point].y - path->top) * path->scale_q24 + 0x8000u) >> 16;
}

static uint32_t pressure_of(const struct path *path, uint32_t point)
{
    return larger(path->points[point].pressure, FAINTEST);
}

static uint32_t length_q10(const struct path *path, uint32_t point)
{
    const int32_t dx = (int32_t)x_of(path, point + 1) - (int32_t)x_of(path, point);
    const int32_t dy = (int32_t)y_of(path, point + 1) - (int32_t)y_of(path, point);
    return ink_square_root(16u * (uint32_t)(dx * dx + dy * dy));
}

/* Return whether a line goes from this point to the next. */
static bool goes_on(const struct path *path, uint32_t point)
{
    return point + 1 < path->count && path->points[point].stroke == path->points[point + 1].stroke;
}

/* Set the path's scale, so that the ink has INK_BOX pixels on its larger side, and what depends on it. */
static void fit(struct path *path, uint32_t pen_width)
{
    uint16_t right = path->points[0].x;
    uint16_t bottom = path->points[0].y;
    path->left = right;
    path->top = bottom;
    for (uint32_t i = 1; i < path->count; i++) {
        const struct ink_point *point = &path->points[i];
        path->left = point->x < path->left ? point->x : path->left;
        path->top = point->y < path->top ? point->y : path->top;
        right = point->x > right ? point->x : right;
        bottom = point->y > bottom ? point->y : bottom;
    }
    const uint32_t width = (uint32_t)(right - path->left);
    const uint32_t height = (uint32_t)(bottom - path->top);
    path->scale_q24 = smaller(BOX_Q24 / (larger(width, height) + pen_width), WIDEST_Q24 / pen_width);
    path->right_q8 = (width * path->scale_q24 + 0x8000u) >> 16;
    path->bottom_q8 = (height * path->scale_q24 + 0x8000u) >> 16;
    path->width_q8 = larger((pen_width * path->scale_q24 + 0x8000u) >> 16, THINNEST_Q8);
    path->sigma_q8 = (path->width_q8 * SIGMA_Q8 + 128u) >> 8;
    uint32_t total_q10 = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        total_q10 += goes_on(path, i) ? length_q10(path, i) : 0;
    }
    path->step_q10 = larger(4u * path->sigma_q8, total_q10 / DABS + 1u);
}

/* Prepare the walk for the stroke that begins at a point. */
static void begin_stroke(struct walk *walk, uint32_t point)
{
    const struct path *path = walk->path;
    uint32_t stroke_q10 = 0;
    walk->point = point;
    for (walk->end = point; goes_on(path, walk->end); walk->end++) {
        stroke_q10 += length_q10(path, walk->end);
    }
    walk->end++;
    const uint32_t dabs = larger((stroke_q10 + path->step_q10 - 1u) / path->step_q10, 1);
    /* A stroke shorter than 1.5 widths of the pen gets the ink of one that long, so that it shows as a dot. */
    const uint32_t each_q10 = larger(stroke_q10, 6u * path->width_q8) / dabs;
    walk->passed_q10 = 0;
    walk->spacing_q10 = stroke_q10 / dabs;
    walk->place_q10 = walk->spacing_q10 / 2u;
    walk->dabs_left = dabs;
    walk->ink = (each_q10 * DAB_Q10 + 2u * path->sigma_q8) / (4u * path->sigma_q8);
}

static struct walk walk_along(const struct path *path)
{
    struct walk walk = {.path = path};
    begin_stroke(&walk, 0);
    return walk;
}

/* Return the value that lies `part` of `whole` of the way from a to b. */
static uint32_t between(uint32_t a, uint32_t b, uint32_t part, uint32_t whole)
{
    return b >= a ? a + (b - a) * part / whole : a - (a - b) * part / whole;
}

/* Write the next dab. Return false after the last one. */
static bool next_dab(struct walk *walk, struct dab *dab)
{
    const struct path *path = walk->path;
    if (walk->dabs_left == 0) {
        if (walk->end >= path->count) {
            return false;
        }
        begin_stroke(walk, walk->end);
    }
    uint32_t length = 0;
    for (; walk->point + 1 < walk->end; walk->point++) {
        length = length_q10(path, walk->point);
        if (walk->place_q10 <= walk->passed_q10 + length) {
            break;
        }
        walk->passed_q10 += length;
    }
    uint32_t pressure = pressure_of(path, walk->point);
    dab->x_q8 = x_of(path, walk->point);
    dab->y_q8 = y_of(path, walk->point);
    if (length != 0 && walk->point + 1 < walk->end) {
        const uint32_t part = walk->place_q10 - walk->passed_q10;
        dab->x_q8 = between(dab->x_q8, x_of(path, walk->point + 1), part, length);
        dab->y_q8 = between(dab->y_q8, y_of(path, walk->point + 1), part, length);
        pressure = between(pressure, pressure_of(path, walk->point + 1), part, length);
    }
    dab->ink = smaller((walk->ink * pressure) >> 7, DENSEST);
    walk->place_q10 += walk->spacing_q10;
    walk->dabs_left--;
    return true;
}

/* Return how far to move the path so that its mass lies in the middle, but not so far that ink leaves the fragment. */
static int32_t shift_q8(uint32_t mass_q8, uint32_t extent_q8, uint32_t width_q8)
{
    const int32_t least = (int32_t)(width_q8 / 2u);
    const int32_t most = LAST_Q8 - least - (int32_t)extent_q8;
    const int32_t shift = MIDDLE_Q8 - (int32_t)mass_q8;
    return shift < least ? least : shift > most ? most : shift;
}

/* Find how far to move the path to the right and down. */
static void place(const struct path *path, int32_t *right_q8, int32_t *down_q8)
{
    uint64_t x = 0;
    uint64_t y = 0;
    uint32_t mass = 0;
    struct dab dab;
    for (struct walk walk = walk_along(path); next_dab(&walk, &dab);) {
        x += dab.x_q8 * dab.ink;
        y += dab.y_q8 * dab.ink;
        mass += dab.ink;
    }
    *right_q8 = shift_q8((uint32_t)(x / mass), path->right_q8, path->width_q8);
    *down_q8 = shift_q8((uint32_t)(y / mass), path->bottom_q8, path->width_q8);
}

/* Write the heights of a bell around middle_q8 at the pixels from *first to *past - 1. It is 0 at all others. */
static void section(int32_t middle_q8, uint32_t sigma_q8, uint8_t heights[INK_SIDE], int *first, int *past)
{
    const uint32_t per_q8_q16 = ((uint32_t)BELL_STEPS << 16) / sigma_q8;
    const int32_t reach_q8 = (int32_t)(3u * sigma_q8 + sigma_q8 / 16u + 1u);
    *first = middle_q8 > reach_q8 ? (middle_q8 - reach_q8) / 256 : 0;
    *past = middle_q8 + reach_q8 < LAST_Q8 ? (middle_q8 + reach_q8) / 256 + 1 : INK_SIDE;
    for (int i = *first; i < *past; i++) {
        const int32_t from_q8 = i * 256 - middle_q8;
        const uint32_t index = ((uint32_t)(from_q8 < 0 ? -from_q8 : from_q8) * per_q8_q16 + 0x8000u) >> 16;
        heights[i] = index < BELL ? bell[index] : 0;
    }
}

/* Add a dab at x_q8, y_q8 to the ridge. */
static void press(uint32_t ridge[INK_GREY_FRAGMENT_BYTES], const struct dab *dab, int32_t x_q8, int32_t y_q8,
                  uint32_t sigma_q8)
{
    uint8_t across[INK_SIDE];
    uint8_t down[INK_SIDE];
    int left;
    int right;
    int top;
    int bottom;
    section(x_q8, sigma_q8, across, &left, &right);
    section(y_q8, sigma_q8, down, &top, &bottom);
    for (int row = top; row < bottom; row++) {
        const uint32_t height = (down[row] * dab->ink) >> 8;
        uint32_t *line = &ridge[row * INK_SIDE];
        for (int column = left; column < right; column++) {
            line[column] += height * across[column];
        }
    }
}

void ink_raster_pen(const struct ink_point *points, size_t count, uint16_t width,
                    uint8_t pixels[INK_GREY_FRAGMENT_BYTES])
{
    ink_fill(pixels, 0, INK_GREY_FRAGMENT_BYTES);
    if (count == 0) {
        return;
    }
    struct path path = {.points = points, .count = (uint32_t)count};
    if (count > INK_RASTER_POINTS) {
        path.count = INK_RASTER_POINTS;
    }
    fit(&path, width == 0 ? 1u : width);
    int32_t right_q8;
    int32_t down_q8;
    place(&path, &right_q8, &down_q8);

    uint32_t ridge[INK_GREY_FRAGMENT_BYTES];
    ink_fill(ridge, 0, sizeof ridge);
    struct dab dab;
    for (struct walk walk = walk_along(&path); next_dab(&walk, &dab);) {
        press(ridge, &dab, (int32_t)dab.x_q8 + right_q8, (int32_t)dab.y_q8 + down_q8, path.sigma_q8);
    }
    for (int i = 0; i < INK_GREY_FRAGMENT_BYTES; i++) {
        const int32_t high = (int32_t)(EDGE_GAIN * smaller(ridge[i], RIDGE_ONE));
        const int32_t grey = (high - EDGE_OFFSET * (int32_t)RIDGE_ONE + (int32_t)(RIDGE_ONE / 2)) / (int32_t)RIDGE_ONE;
        pixels[i] = (uint8_t)(grey < 0 ? 0 : grey > 255 ? 255 : grey);
    }
}

void ink_raster_strokes(const struct ink_point *points, size_t count, uint8_t pixels[INK_GREY_FRAGMENT_BYTES])
{
    ink_raster_pen(points, count, INK_RASTER_PEN_WIDTH, pixels);
}

void ink_raster_pack(const uint8_t pixels[INK_GREY_FRAGMENT_BYTES], uint8_t bits[INK_BITS_FRAGMENT_BYTES])
{
    ink_fill(bits, 0, INK_BITS_FRAGMENT_BYTES);
    for (unsigned i = 0; i < INK_GREY_FRAGMENT_BYTES; i++) {
        bits[i / 8u] = (uint8_t)(bits[i / 8u] | ((pixels[i] >> 7) << (7u - i % 8u)));
    }
}
