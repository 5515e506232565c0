#include "ink/segment_light.h"

#include "line/mem.h"

/* Paper around a pixel is what a morphological closing by a square leaves: dark strokes narrower than the square go,
 * and the edge of a shadow, however hard, stays where it is. Ink is told by its share of that paper's brightness, in
 * 1/128, and by a difference that noise does not reach. */
enum {
    WINDOW = INK_SEGMENT_WINDOW,
    REACH = WINDOW / 2,
    DARKEST = 40,      /* if paper is darker than this everywhere, the lens is covered */
    FAINTEST = 12,     /* ink is darker than paper by at least this, of 128 */
    FAINT_LINE = 20,   /* a line is, where ink is far darker */
    LEAST_INK = 12,    /* pixels of ink that a written picture has at least */
    WHITE = 128,       /* the share of paper */
    LEAST_DIFFERENCE = 6, /* grey levels between ink and paper without noise */
    MOST_DIFFERENCE = 64, /* and with as much noise as there may be */
    BLIND_PART = 4,    /* at most a quarter of the picture is too dark to tell ink */
    SHARES = 256,      /* shares are below this */
    SHARE_LOW = 64,    /* the paper's most common share is at least this */
    SHARE_HIGH = 192   /* the paper's most common share is below this */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Return the median difference of a pixel, doubled, and its two neighbours in the row. */
static uint32_t measure_noise(struct ink_segmenter *s, const uint8_t *picture)
{
    ink_fill(s->counts, 0, sizeof s->counts);
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint8_t *row = picture + y * s->width;
        for (uint32_t x = 1; x + 1u < s->width; x++) {
            const int32_t bent = (int32_t)row[x - 1u] - 2 * row[x] + row[x + 1u];
            s->counts[smaller((uint32_t)(bent < 0 ? -bent : bent), 255)]++;
        }
    }
    const uint32_t total = (s->width - 2u) * s->rows;
    uint32_t median = 0;
    uint32_t below = s->counts[0];
    while (2u * below < total) {
        median++;
        below += s->counts[median];
    }
    return median;
}

/* Put the sums 1 2 1 along a row into `sums`. */
static void sum_row(const struct ink_segmenter *s, const uint8_t *row, uint16_t *sums)
{
    const uint32_t last = s->width - 1u;
    for (uint32_t x = 0; x <= last; x++) {
        const uint32_t before = row[x > 0 ? x - 1u : 0];
        sums[x] = (uint16_t)(before + 2u * row[x] + row[x < last ? x + 1u : last]);
    }
}

/* Smooth the picture by 1 2 1 across and down. */
static void smooth(struct ink_segmenter *s, uint8_t *picture)
{
    sum_row(s, picture, s->sums[0]);
    ink_copy(s->sums[2], s->sums[0], sizeof s->sums[0]);
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint16_t *here = s->sums[y % 3u];
        const uint16_t *above = s->sums[(y + 2u) % 3u];
        uint16_t *below = s->sums[(y + 1u) % 3u];
        if (y + 1u < s->rows) {
            sum_row(s, picture + (y + 1u) * s->width, below);
        } else {
            ink_copy(below, here, sizeof s->sums[0]);
        }
        for (uint32_t x = 0; x < s->width; x++) {
            picture[y * s->width + x] = (uint8_t)((above[x] + 2u * here[x] + below[x] + 8u) >> 4);
        }
    }
}

/* Add row number `place` to a window of WINDOW rows, and replace it by the highest values of the window.
 * Of the block of WINDOW rows before this one's block the window keeps what is highest from each row on, of this one's
 * what is highest so far (van Herk 1992). */
static void slide(struct ink_window *window, uint8_t *row, uint32_t count, uint32_t place)
{
    const uint32_t k = place % WINDOW;
    const bool begins = k == 0;
    const bool ends = k + 1u == WINDOW;
    const uint8_t *before = window->rows[ends || place < WINDOW ? k : k + 1u];
    for (uint32_t x = 0; x < count; x++) {
        const uint8_t value = row[x];
        uint8_t best = begins ? 0 : window->so_far[x];
        best = value > best ? value : best;
        window->so_far[x] = best;
        const uint8_t other = ends || place < WINDOW ? 0 : before[x];
        window->rows[k][x] = value;
        row[x] = other > best ? other : best;
    }
    for (uint32_t i = WINDOW - 1u; ends && i > 0; i--) {
        uint8_t *higher = window->rows[i - 1u];
        const uint8_t *next = window->rows[i];
        for (uint32_t x = 0; x < count; x++) {
            higher[x] = next[x] > higher[x] ? next[x] : higher[x];
        }
    }
}

/* Replace each of `count` values of the row by the highest of it and the WINDOW - 1 values behind it.
 * Values are taken in blocks of WINDOW, as rows are by `slide`: the highest from a value to its block's end, and from
 * the next block's begin. */
static void spread(struct ink_segmenter *s, uint32_t count)
{
    uint8_t *values = s->row;
    uint8_t *so_far = s->row_so_far;
    const uint32_t all = count + WINDOW - 1u;
    for (uint32_t first = 0; first < all; first += WINDOW) {
        const uint32_t end = smaller(first + WINDOW, all);
        uint8_t best = 0;
        for (uint32_t x = first; x < end; x++) {
            best = values[x] > best ? values[x] : best;
            so_far[x] = best;
        }
        best = 0;
        for (uint32_t x = end; x-- > first;) {
            best = values[x] > best ? values[x] : best;
            values[x] = best;
        }
    }
    so_far += WINDOW - 1;
    for (uint32_t x = 0; x < count; x++) {
        values[x] = so_far[x] > values[x] ? so_far[x] : values[x];
    }
}

/* Add row `place` of the picture, or nothing below it. Return how much darker than white the paper is in row
 * `place` - 2 REACH: the darkest of what is brightest nearby. */
static const uint8_t *next_shade(struct ink_segmenter *s, const uint8_t *picture, uint32_t place)
{
    uint8_t *row = s->row + (WINDOW - 1);
    ink_fill(s->row, 0, sizeof s->row);
    if (place < s->rows) {
        ink_copy(row, picture + place * s->width, s->width);
    }
    slide(&s->bright, row, s->width, place);
    spread(s, s->width + WINDOW - 1u);
    for (uint32_t x = 0; x < s->width + WINDOW - 1u; x++) {
        s->row[x] = (uint8_t)(255u - s->row[x]);
    }
    spread(s, s->width);
    slide(&s->shade, s->row, s->width, place);
    return s->row;
}

/* What is found in the light of the whole picture. */
struct light {
    uint32_t difference; /* grey levels between ink and paper, at least */
    uint32_t brightest;  /* the paper's grey */
    uint32_t blind;      /* pixels where ink cannot be told */
};

/* Replace the pixels of a row by their shares, and count these. */
static void take_shares(struct ink_segmenter *s, uint8_t *row, const uint8_t *shade, struct light *light)
{
    for (uint32_t x = 0; x < s->width; x++) {
        const uint32_t paper = 255u - shade[x];
        const uint32_t grey = row[x];
        uint32_t share = (grey * s->gains[paper]) >> 16;
        if (paper - grey < light->difference) {
            share = larger(share, WHITE - FAINTEST);
        }
        light->brightest = larger(light->brightest, paper);
        light->blind += 4u * paper < 5u * light->difference ? 1u : 0u;
        row[x] = (uint8_t)share;
        s->counts[share]++;
    }
}

/* Replace the pixels by their shares of the paper's brightness.
 * A row needs the picture 2 REACH rows above and below it. */
static void level(struct ink_segmenter *s, uint8_t *picture, struct light *light)
{
    ink_fill(s->counts, 0, sizeof s->counts);
    for (uint32_t paper = 1; paper < 256; paper++) {
        s->gains[paper] = ((WHITE << 16) + paper - 1u) / paper;
    }
    s->gains[0] = 0;
    for (uint32_t place = 0; place < s->rows + WINDOW - 1u; place++) {
        const uint8_t *shade = next_shade(s, picture, place);
        if (place >= WINDOW - 1) {
            take_shares(s, picture + (place - (WINDOW - 1u)) * s->width, shade, light);
        }
    }
}

/* Return the paper's most common share. */
static uint32_t paper_share(const struct ink_segmenter *s)
{
    uint32_t paper = SHARE_LOW;
    uint32_t most = 0;
    for (uint32_t v = SHARE_LOW; v < SHARE_HIGH; v++) {
        const uint32_t near = s->counts[v - 1] + s->counts[v] + s->counts[v + 1];
        if (near > most) {
            most = near;
            paper = v;
        }
    }
    return paper;
}

/* Return the mean of the shares below this, and how many there are. */
static uint32_t mean_below(const struct ink_segmenter *s, uint32_t limit, uint32_t *count)
{
    uint32_t sum = 0;
    *count = 0;
    for (uint32_t v = 0; v < limit; v++) {
        *count += s->counts[v];
        sum += s->counts[v] * v;
    }
    return sum / larger(*count, 1);
}

/* Find the shares below which a pixel is FAINT, LIKELY, INK, SURE: INK is nearly half-way between ink and paper; ink is all
 * that is darker than the paper's noise. Return 0, or an ink_segment_reason. */
static int find_thresholds(struct ink_segmenter *s, uint32_t below[INK_SURE + 1])
{
    const uint32_t paper = paper_share(s);
    uint32_t brighter = 0;
    uint32_t high = SHARES;
    while (brighter * 10u < (uint32_t)s->width * s->rows) {
        high--;
        brighter += s->counts[high];
    }
    const uint32_t margin = larger(3u * (high > paper ? high - paper : 0), FAINTEST);
    const uint32_t limit = paper > margin ? paper - margin : 0;
    uint32_t ink;
    uint32_t mean = mean_below(s, limit, &ink);
    /* Uneven noise has parts beyond the limit too, but not far beyond: these are no ink. */
    if (ink < LEAST_INK || 2u * (paper - mean) < 3u * margin) {
        return INK_SEGMENT_BLANK;
    }
    /* What is lighter than half-way is a stroke's edge, and tells little of its ink. */
    mean = mean_below(s, (paper + mean) / 2u, &ink);
    const uint32_t step = (paper - mean) / 8u;
    s->threshold = mean + 15u * (paper - mean) / 32u; /* smoothing has widened thin strokes */
    if (s->threshold + step / 2u > limit) {
        return INK_SEGMENT_UNSURE;
    }
    below[INK_INK] = s->threshold;
    below[INK_SURE] = s->threshold - step / 4u;
    below[INK_LIKELY] = smaller(s->threshold + step, limit);
    below[INK_FAINT] = larger(below[INK_LIKELY], smaller(limit, paper - FAINT_LINE));
    return 0;
}

int ink_segment_light(struct ink_segmenter *s, uint8_t *picture)
{
    uint32_t below[INK_SURE + 1];
    const uint32_t noise = 3u * measure_noise(s, picture) / 2u;
    struct light light = {.difference = smaller(LEAST_DIFFERENCE + noise, MOST_DIFFERENCE)};
    const uint32_t pixels = (uint32_t)s->width * s->rows;
    smooth(s, picture);
    level(s, picture, &light);
    if (light.brightest < DARKEST) {
        return INK_SEGMENT_BLANK;
    }
    if (light.blind * BLIND_PART > pixels) {
        return INK_SEGMENT_DARK;
    }
    const int reason = find_thresholds(s, below);
    if (reason < 0) {
        return reason;
    }
    for (uint32_t i = 0; i < pixels; i++) {
        uint8_t darkness = INK_PAPER;
        while (darkness < INK_SURE && picture[i] < below[darkness + 1]) {
            darkness++;
        }
        picture[i] = darkness;
    }
    return 0;
}
