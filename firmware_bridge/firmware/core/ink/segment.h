/* A grey picture of a written word -> its symbols in reading order, each a 33x33 fragment; the twin of segment.py. */
#ifndef INK_SEGMENT_H
#define INK_SEGMENT_H

#include <stdint.h>

#include "line/wire.h"

#define INK_SEGMENT_PIXELS 76800u /* of a picture: 320x240, or 640x120 */
#define INK_SEGMENT_SIDE 640u     /* of a picture, at most; 16 at least */
#define INK_SEGMENT_SYMBOLS 48    /* of a picture */
#define INK_SEGMENT_RUNS 4096     /* pieces of lines that are ink */
#define INK_SEGMENT_COMPONENTS 512
#define INK_SEGMENT_PIECES 128 /* components that are no specks */
#define INK_SEGMENT_TILES 352

/* Why a picture has no symbols. */
enum ink_segment_reason {
    INK_SEGMENT_BLANK = -1,    /* nothing is written, or the lens is covered */
    INK_SEGMENT_OVERFULL = -2, /* more ink than writing has */
    INK_SEGMENT_TOO_MANY = -3, /* more than INK_SEGMENT_SYMBOLS */
    INK_SEGMENT_SIZE = -4,     /* a picture of this size is not taken */
};

struct ink_box {
    uint16_t left, top, right, bottom; /* pixels; right and bottom belong to it */
};

/* Ink pixels side by side in one row. */
struct ink_run {
    uint16_t left, right, row;
    uint16_t label; /* a run it hangs together with; later its component */
};

struct ink_component {
    struct ink_box box;
    uint32_t area;  /* pixels of ink */
    uint16_t group; /* components of one symbol; INK_SEGMENT_DROPPED if of none */
};

#define INK_SEGMENT_DROPPED 0xFFFFu

struct ink_symbol {
    struct ink_box box;
    uint16_t group;
    uint16_t line;
    uint16_t from, to; /* columns of the group that are this symbol's */
};

/* Ink of one column. */
struct ink_column {
    uint16_t ink, top, bottom;
};

/* All memory of a segmentation; 48 KiB. */
struct ink_segmenter {
    struct ink_symbol symbols[INK_SEGMENT_SYMBOLS]; /* in reading order */
    uint16_t symbol_count;
    uint32_t height;    /* that symbols have here, pixels */
    uint32_t pen;       /* mean length of a run, pixels */
    uint32_t threshold; /* ink is darker than this share of the paper, in 1/128 */

    uint16_t width, rows;
    uint16_t run_count, component_count, piece_count;
    uint16_t tiles_across, tiles_down;
    struct ink_run runs[INK_SEGMENT_RUNS];
    struct ink_component components[INK_SEGMENT_COMPONENTS];
    struct ink_box boxes[INK_SEGMENT_PIECES]; /* of each group of components */
    uint32_t areas[INK_SEGMENT_PIECES];
    uint8_t levels[INK_SEGMENT_TILES]; /* of the paper */
    uint16_t gains[INK_SEGMENT_TILES]; /* 2^15 / level of the paper */
    uint32_t counts[256];
    struct ink_column columns[INK_SEGMENT_SIDE]; /* of the group being cut */
};

/* picture: rows of grey, 0 black .. 255 white; dark ink on bright paper. Symbols found, or why there are none (< 0). */
int ink_segment(struct ink_segmenter *s, const uint8_t *picture, uint16_t width, uint16_t height);

/* Symbol `index` in reading order: ink 25 pixels on its larger side, its mass in the middle. Uses 4.5 KiB of stack. */
void ink_segment_fragment(const struct ink_segmenter *s, int index, uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

#endif
