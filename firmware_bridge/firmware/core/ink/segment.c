#include "ink/segment.h"

#include <stdbool.h>

#include "line/mem.h"
#include "ink/segment_symbols.h"

/* A pixel is told to be ink or paper by its share of the brightness of the paper around it, so that light may fall
 * unevenly. In a picture levelled like this the paper is about 128 everywhere. */
enum {
    TILE = 16,          /* side of the squares in which the paper's brightness is measured, pixels */
    DARKEST = 40,       /* if paper is darker than this everywhere, the lens is covered */
    FAINTEST = 20,      /* ink is darker than paper by at least this, of 128 */
    LEAST_INK = 12,     /* pixels of ink that a written picture has at least */
    SHARES = 256,       /* levelled values are below this */
    LEVELLED_LOW = 64,  /* the paper's most common levelled value is at least this */
    LEVELLED_HIGH = 192 /* the paper's most common levelled value is below this */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Return the brightness that a tenth of a tile's pixels reach: the paper's, if ink leaves a tenth of the tile free. */
static uint8_t paper_level(struct ink_segmenter *s, const uint8_t *picture, uint32_t column, uint32_t row)
{
    const uint32_t right = smaller((column + 1u) * TILE, s->width);
    const uint32_t bottom = smaller((row + 1u) * TILE, s->rows);
    ink_fill(s->counts, 0, 64 * sizeof s->counts[0]);
    for (uint32_t y = row * TILE; y < bottom; y++) {
        for (uint32_t x = column * TILE; x < right; x++) {
            s->counts[picture[y * s->width + x] >> 2]++;
        }
    }
    const uint32_t pixels = (right - column * TILE) * (bottom - row * TILE);
    uint32_t brighter = 0;
    uint32_t level = 64;
    while (brighter * 10u < pixels) {
        level--;
        brighter += s->counts[level];
    }
    return (uint8_t)(level * 4u + 2u);
}

/* Return the highest brightness of a tile and the eight around it. */
static uint8_t brightest_near(const struct ink_segmenter *s, uint32_t column, uint32_t row)
{
    uint8_t brightest = 0;
    for (uint32_t y = row > 0 ? row - 1u : 0; y <= row + 1u && y < s->tiles_down; y++) {
        for (uint32_t x = column > 0 ? column - 1u : 0; x <= column + 1u && x < s->tiles_across; x++) {
            const uint8_t level = s->levels[y * s->tiles_across + x];
            brightest = level > brightest ? level : brightest;
        }
    }
    return brightest;
}

/* Find the gains of all tiles. Return false if it is dark everywhere.
 * A tile much darker than one beside it is full of ink, so its paper is as bright as that one's. */
static bool find_paper(struct ink_segmenter *s, const uint8_t *picture)
{
    uint8_t brightest = 0;
    for (uint32_t row = 0; row < s->tiles_down; row++) {
        for (uint32_t column = 0; column < s->tiles_across; column++) {
            const uint8_t level = paper_level(s, picture, column, row);
            s->levels[row * s->tiles_across + column] = level;
            brightest = level > brightest ? level : brightest;
        }
    }
    for (uint32_t row = 0; row < s->tiles_down; row++) {
        for (uint32_t column = 0; column < s->tiles_across; column++) {
            const uint32_t near = brightest_near(s, column, row);
            const uint32_t own = s->levels[row * s->tiles_across + column];
            s->gains[row * s->tiles_across + column] = (uint16_t)(32768u / (own * 8u < near * 5u ? near : own));
        }
    }
    return brightest >= DARKEST;
}

/* Find the two of `count` tiles between whose middles a place lies; at the picture's border they are the same tile.
 * Return how far the place is on the way from the first to the second, in 1/TILE. */
static uint32_t neighbours(uint32_t place, uint32_t count, uint32_t *first, uint32_t *second)
{
    const uint32_t moved = place + TILE / 2; /* from the middle of the tile before */
    const uint32_t after = moved / TILE;
    *first = after > 0 ? after - 1u : 0;
    *first = *first < count ? *first : count - 1u;
    *second = after < count ? after : count - 1u;
    return moved % TILE;
}

/* A row to be levelled, with gains that are interpolated between the middles of tiles. */
struct level_row {
    const struct ink_segmenter *s;
    const uint8_t *pixels;
    uint32_t upper, lower, down;
};

static struct level_row level_row(const struct ink_segmenter *s, const uint8_t *picture, uint32_t y)
{
    struct level_row row = {.s = s, .pixels = picture + y * s->width};
    row.down = neighbours(y, s->tiles_down, &row.upper, &row.lower);
    row.upper *= s->tiles_across;
    row.lower *= s->tiles_across;
    return row;
}

/* Find the gains, times TILE, of the two tiles between whose middles x lies. Return how far x is on the way from the
 * first to the second, in 1/TILE. */
static uint32_t row_gains(const struct level_row *row, uint32_t x, int32_t *first_gain, int32_t *second_gain)
{
    uint32_t first;
    uint32_t second;
    const uint32_t across = neighbours(x, row->s->tiles_across, &first, &second);
    const uint16_t *gains = row->s->gains;
    *first_gain = (int32_t)(gains[row->upper + first] * (TILE - row->down) + gains[row->lower + first] * row->down);
    *second_gain = (int32_t)(gains[row->upper + second] * (TILE - row->down) + gains[row->lower + second] * row->down);
    return across;
}

/* Level the pixels from x up to where x lies between two other tiles, or to the row's end. Return how many. */
static uint32_t level_some(const struct level_row *row, uint32_t x, uint8_t values[TILE])
{
    int32_t first;
    int32_t second;
    const uint32_t across = row_gains(row, x, &first, &second);
    const uint32_t count = smaller(TILE - across, row->s->width - x);
    int32_t gain = first * TILE + (int32_t)across * (second - first);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t value = (row->pixels[x + i] * (uint32_t)gain) >> 16;
        values[i] = (uint8_t)smaller(value, SHARES - 1);
        gain += second - first;
    }
    return count;
}

static void count_shares(struct ink_segmenter *s, const uint8_t *picture)
{
    uint8_t values[TILE];
    ink_fill(s->counts, 0, sizeof s->counts);
    for (uint32_t y = 0; y < s->rows; y++) {
        const struct level_row row = level_row(s, picture, y);
        for (uint32_t x = 0; x < s->width;) {
            const uint32_t count = level_some(&row, x, values);
            for (uint32_t i = 0; i < count; i++) {
                s->counts[values[i]]++;
            }
            x += count;
        }
    }
}

/* Return the levelled value half-way between paper and ink, 0 if there is no ink.
 * To find it, all that is darker than the paper's noise counts as ink. */
static uint32_t find_threshold(const struct ink_segmenter *s)
{
    const uint32_t pixels = (uint32_t)s->width * s->rows;
    uint32_t paper = LEVELLED_LOW;
    uint32_t most = 0;
    for (uint32_t v = LEVELLED_LOW; v < LEVELLED_HIGH; v++) {
        const uint32_t near = s->counts[v - 1] + s->counts[v] + s->counts[v + 1];
        if (near > most) {
            most = near;
            paper = v;
        }
    }
    uint32_t brighter = 0;
    uint32_t high = SHARES;
    while (brighter * 10u < pixels) {
        high--;
        brighter += s->counts[high];
    }
    const uint32_t noise = high > paper ? high - paper : 0;
    const uint32_t margin = 3u * noise > FAINTEST ? 3u * noise : FAINTEST;
    const uint32_t limit = paper > margin ? paper - margin : 0;
    uint32_t ink = 0;
    uint32_t sum = 0;
    for (uint32_t v = 0; v < limit; v++) {
        ink += s->counts[v];
        sum += s->counts[v] * v;
    }
    /* Uneven noise has parts beyond the limit too, but not far beyond: these are no ink. */
    if (ink < LEAST_INK || 2u * (paper - sum / ink) < 3u * margin) {
        return 0;
    }
    return smaller((paper + sum / ink) / 2u, limit);
}

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

/* Find the runs of row y, and add their pixels to *ink. Return false if there are too many runs. */
static bool find_runs(struct ink_segmenter *s, const uint8_t *picture, uint32_t y, uint32_t *ink)
{
    uint8_t values[TILE];
    const struct level_row row = level_row(s, picture, y);
    bool inside = false;
    for (uint32_t x = 0; x < s->width;) {
        const uint32_t count = level_some(&row, x, values);
        for (uint32_t i = 0; i < count; i++) {
            const bool dark = values[i] < s->threshold;
            if (dark && !inside) {
                if (s->run_count == INK_SEGMENT_RUNS) {
                    return false;
                }
                s->runs[s->run_count] =
                    (struct ink_run){.left = (uint16_t)(x + i), .row = (uint16_t)y, .label = s->run_count};
                s->run_count++;
            }
            if (dark) {
                s->runs[s->run_count - 1u].right = (uint16_t)(x + i);
                *ink += 1u;
            }
            inside = dark;
        }
        x += count;
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
static bool find_ink(struct ink_segmenter *s, const uint8_t *picture)
{
    uint32_t above = 0;
    uint32_t ink = 0;
    s->run_count = 0;
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint32_t first = s->run_count;
        if (!find_runs(s, picture, y, &ink)) {
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

int ink_segment(struct ink_segmenter *s, const uint8_t *picture, uint16_t width, uint16_t height)
{
    s->symbol_count = 0;
    s->run_count = 0;
    if (width < TILE || height < TILE || width > INK_SEGMENT_SIDE || height > INK_SEGMENT_SIDE ||
        (uint32_t)width * height > INK_SEGMENT_PIXELS) {
        return INK_SEGMENT_SIZE;
    }
    s->width = width;
    s->rows = height;
    s->tiles_across = (uint16_t)((width + TILE - 1u) / TILE);
    s->tiles_down = (uint16_t)((height + TILE - 1u) / TILE);
    if (!find_paper(s, picture)) {
        return INK_SEGMENT_BLANK;
    }
    count_shares(s, picture);
    s->threshold = find_threshold(s);
    if (s->threshold == 0) {
        return INK_SEGMENT_BLANK;
    }
    if (!find_ink(s, picture) || !find_components(s)) {
        return INK_SEGMENT_OVERFULL;
    }
    return ink_segment_symbols(s);
}
