/* A grey picture of a written word -> its symbols in reading order, each a 33x33 fragment.
 * The twin of edge/ink/segment.py, of segment_light.py and segment_lines.py there, and, from the components on, of
 * segment_symbols.py. */
#ifndef INK_SEGMENT_H
#define INK_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "line/wire.h"

/* What a picture may have at most. */
#define INK_SEGMENT_PIXELS 76800u /* pixels: 320x240, or 640x120 */
#define INK_SEGMENT_SIDE 640u     /* pixels of a side, which has at least 16 */
#define INK_SEGMENT_SYMBOLS 48
#define INK_SEGMENT_RUNS 4096
#define INK_SEGMENT_COMPONENTS 512
#define INK_SEGMENT_PIECES 128 /* components that are no specks */
#define INK_SEGMENT_LINES 128  /* straight strokes that may be printed lines */
#define INK_SEGMENT_OPEN 64    /* of them, those that are followed at once */
#define INK_SEGMENT_WINDOW 31  /* side of the square in which paper is looked for, pixels */

/* Why a picture has no symbols. */
enum ink_segment_reason {
    INK_SEGMENT_BLANK = -1,    /* nothing is written, or the lens is covered */
    INK_SEGMENT_OVERFULL = -2, /* more ink, runs, components or pieces than writing has */
    INK_SEGMENT_TOO_MANY = -3, /* more symbols than INK_SEGMENT_SYMBOLS */
    INK_SEGMENT_SIZE = -4,     /* a picture of this size is not taken */
    INK_SEGMENT_DARK = -5,     /* too much of the picture is too dark to tell ink */
    INK_SEGMENT_JOINED = -6,   /* printed lines or boxes hang together with the writing, or several symbols */
    INK_SEGMENT_EDGE = -7,     /* the writing, or something dark, reaches the picture's edge */
    INK_SEGMENT_UNSURE = -8,   /* blurred or faint: a little more or less light would make other symbols */
};

/* A rectangle of pixels. */
struct ink_box {
    uint16_t left, top, right, bottom; /* right and bottom belong to it */
};

/* Ink pixels side by side in one row. */
struct ink_run {
    uint16_t left, right, row; /* right belongs to it */
    uint16_t label; /* at first a run that it hangs together with, then its component */
};

/* Runs that hang together. */
struct ink_component {
    struct ink_box box;
    uint32_t area;  /* pixels of ink */
    uint16_t group; /* number of the piece that it belongs to; INK_SEGMENT_DROPPED if to none */
};

#define INK_SEGMENT_DROPPED 0xFFFFu

/* A written symbol. */
struct ink_symbol {
    struct ink_box box;
    uint16_t group;    /* number of the piece that it was cut from */
    uint16_t line;     /* its line, counted from the top */
    uint16_t from, to; /* the piece's columns that are this symbol's */
};

/* Ink of one column. */
struct ink_column {
    uint16_t ink, top, bottom;
};

/* A straight stroke that may be a printed line. */
struct ink_line {
    uint16_t first, last;      /* where it begins and ends along: columns if it is across, rows if it is upright */
    int32_t begin_q8, end_q8;  /* its middle across at both ends, 1/256 pixel */
    uint8_t width;
    bool free_first, free_last; /* it has paper before and behind it */
    bool boxed, printed;        /* it is a side of a box; it is a line and no writing */
    uint8_t ends;               /* how many of its ends are at printed lines across */
};

/* A line that is being followed. */
struct ink_chain {
    struct ink_line line;
    int32_t place_q8, slope_q14, sum_q8;
    uint16_t thin, gap, crossing; /* places along where it is thin; since then without ink; with thick ink */
};

/* Rows of which the highest values are wanted. */
struct ink_window {
    uint8_t rows[INK_SEGMENT_WINDOW][INK_SEGMENT_SIDE];
    uint8_t so_far[INK_SEGMENT_SIDE];
};

/* All memory of a segmentation; 62 KiB. */
struct ink_segmenter {
    struct ink_symbol symbols[INK_SEGMENT_SYMBOLS]; /* in reading order */
    uint16_t symbol_count;
    uint32_t height;    /* of a symbol in this picture, pixels */
    uint32_t pen;       /* the pen's width: the mean length of a run, pixels */
    uint32_t threshold; /* ink is darker than this share of the paper's brightness, in 1/128 */

    uint16_t width, rows;
    uint16_t run_count, component_count, piece_count;
    uint16_t across_count, line_count;
    bool framed; /* something dark reaches into the picture from its border */
    union {
        struct ink_run runs[INK_SEGMENT_RUNS];
        uint16_t sums[3][INK_SEGMENT_SIDE];
        struct {
            struct ink_window bright, shade;
            uint8_t row[INK_SEGMENT_SIDE + 2 * (INK_SEGMENT_WINDOW - 1)];
            uint8_t row_so_far[INK_SEGMENT_SIDE + 2 * (INK_SEGMENT_WINDOW - 1)];
            uint32_t gains[256]; /* 2^16 shares of white / brightness of the paper, rounded up: exact for 8 bits */
        };
        struct ink_chain chains[INK_SEGMENT_OPEN];
    };
    struct ink_component components[INK_SEGMENT_COMPONENTS];
    struct ink_box boxes[INK_SEGMENT_PIECES];
    uint32_t areas[INK_SEGMENT_PIECES];
    struct ink_line lines[INK_SEGMENT_LINES]; /* those across, then upright ones */
    uint32_t counts[256];
    struct ink_column columns[INK_SEGMENT_SIDE]; /* of the piece that is being cut */
};

/* Find the symbols of picture[height * width]: rows of grey, 0 black to 255 white, dark ink on bright paper.
 * Return how many symbols there are, at least 1, or an ink_segment_reason (< 0) why there are none. The picture is used up. */
int ink_segment(struct ink_segmenter *s, uint8_t *picture, uint16_t width, uint16_t height);

/* Draw symbol `index`, in reading order, as a fragment of grey, 0 for paper to 255 for ink. Uses 4.5 KiB of stack.
 * The ink has 25 pixels on its larger side and its centre of mass in the middle, unless ink would leave the fragment.
 * If there is no such symbol all is paper. */
void ink_segment_fragment(const struct ink_segmenter *s, int index, uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

#endif
