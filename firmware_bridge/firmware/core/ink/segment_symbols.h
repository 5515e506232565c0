/* Connected components of ink -> symbols in reading order: the second half of segment.c. */
#ifndef INK_SEGMENT_SYMBOLS_H
#define INK_SEGMENT_SYMBOLS_H

#include "ink/segment.h"

/* Specks dropped, pieces merged, joined symbols cut, sorted. As ink_segment returns. */
int ink_segment_symbols(struct ink_segmenter *s);

#endif
