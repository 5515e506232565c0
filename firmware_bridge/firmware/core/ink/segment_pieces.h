/* Connected components of ink -> pieces, each of which is a symbol or several joined ones.
 * Called by segment_symbols.c; the twin of the first half of edge/ink/segment_symbols.py. */
#ifndef INK_SEGMENT_PIECES_H
#define INK_SEGMENT_PIECES_H

#include "ink/segment.h"

/* Make pieces of components, and measure the pen's width and s->height without merging pieces of one symbol.
 * Return 0, or an ink_segment_reason (< 0). */
int ink_segment_height(struct ink_segmenter *s);

/* Return whether a box reaches the border of the picture. */
bool ink_segment_at_border(const struct ink_segmenter *s, const struct ink_box *box);

/* Make pieces of components: drop specks, boxes, the sheet's edges and shadows, merge pieces of one symbol.
 * It measures the pen's width and the symbols' height too. Return how many pieces there are, or an ink_segment_reason
 * (< 0) why there are no symbols. */
int ink_segment_pieces(struct ink_segmenter *s);

#endif
