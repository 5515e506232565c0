/* The darkness of a picture's pixels -> the printed lines in it, which are no writing.
 * The twin of edge/ink/segment_lines.py. */
#ifndef INK_SEGMENT_LINES_H
#define INK_SEGMENT_LINES_H

#include "ink/segment_light.h"

/* Bits of a marked pixel. */
enum ink_mark {
    INK_LEVEL = 0x07,         /* its darkness */
    INK_UNDER_ACROSS = 0x10,  /* a line across passes here, and the ink is not the line's alone, or it ends near by */
    INK_UNDER_UPRIGHT = 0x20, /* likewise an upright line */
    INK_ACROSS = 0x40,        /* the ink is a line's across */
    INK_UPRIGHT = 0x80        /* the ink is an upright line's */
};

/* Find the lines that may be printed ones. Return false if there are more than INK_SEGMENT_LINES. */
bool ink_segment_find_lines(struct ink_segmenter *s, const uint8_t *picture);

/* Find which lines are printed if the writing is s->height pixels high. Return false if it is not certain. */
bool ink_segment_confirm_lines(struct ink_segmenter *s);

/* Mark the pixels of lines, printed ones or all across or upright ones, and of no others. */
void ink_segment_mark_lines(const struct ink_segmenter *s, uint8_t *picture, bool across, bool upright, bool printed);

/* Which lines across are looked at. */
enum ink_lines { INK_ANY_LINE, INK_BOXED_LINE, INK_PRINTED_LINE };

/* Return how many ends of a line, 0 to 2, are at one of `count` lines the other way that is no thinner. */
uint8_t ink_segment_ends_at(const struct ink_line *line, const struct ink_line *others, uint32_t count,
                            enum ink_lines which);

/* A picture looked at along its lines: across ones column by column, upright ones row by row. */
struct ink_view {
    const uint8_t *pixels;
    uint32_t along, across;           /* how many places there are */
    uint32_t along_step, across_step; /* pixels from one to the next */
};

/* Begin to follow a line at a place along, its middle across at place_q8. */
struct ink_chain ink_chain_begin(uint32_t along, int32_t place_q8);

/* Follow a line to the next place along. Return whether the ink there, *first to *last, is the line's. */
bool ink_chain_step(struct ink_chain *chain, const struct ink_view *view, uint32_t along, int32_t *first, int32_t *last);

/* Return whether there is ink of a darkness at a place across or one beside it, from *first to *last. */
bool ink_stretch_at(const struct ink_view *view, uint32_t along, int32_t place, uint8_t darkness, int32_t *first,
                    int32_t *last);

/* Return a / b, rounded down; b > 0. */
int32_t ink_floor_divide(int32_t a, int32_t b);

/* Return whether a pixel of a place across is as dark as this; beyond the picture it is not. */
static inline bool ink_is_dark(const struct ink_view *view, uint32_t along, int32_t place, uint8_t darkness)
{
    return place >= 0 && place < (int32_t)view->across &&
           (view->pixels[along * view->along_step + (uint32_t)place * view->across_step] & INK_LEVEL) >= darkness;
}

#define INK_LINE_THICKEST 9 /* pixels that a line is wide at most */
#define INK_LINE_ABUTS 5    /* pixels between two lines that end at one another, at most */
#define INK_LINE_THICKER 2  /* pixels by which a line's width changes at most */

#endif
