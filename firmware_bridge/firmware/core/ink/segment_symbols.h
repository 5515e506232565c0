/* Connected components of ink -> symbols in reading order.
 * Called by segment.c; the twin of edge/ink/segment_symbols.py. */
#ifndef INK_SEGMENT_SYMBOLS_H
#define INK_SEGMENT_SYMBOLS_H

#include "ink/segment.h"

/* Make symbols of components: drop specks, merge pieces of one symbol, cut joined symbols, sort.
 * Return what ink_segment returns. */
int ink_segment_symbols(struct ink_segmenter *s);

#endif
