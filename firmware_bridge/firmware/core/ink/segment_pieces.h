/* Connected components of ink -> pieces, which are symbols or several joined: between segment.c and segment_symbols.c. */
#ifndef INK_SEGMENT_PIECES_H
#define INK_SEGMENT_PIECES_H

#include "ink/segment.h"

/* Specks and frames dropped, pieces of one symbol merged; the pen's width and the symbols' height. How many pieces, or why
   there are no symbols (< 0). */
int ink_segment_pieces(struct ink_segmenter *s);

#endif
