/* A grey picture in any light -> how surely each pixel is ink; the twin of edge/ink/segment_light.py. */
#ifndef INK_SEGMENT_LIGHT_H
#define INK_SEGMENT_LIGHT_H

#include "ink/segment.h"

/* How dark a pixel is. */
enum ink_darkness {
    INK_PAPER,
    INK_FAINT,  /* as a printed line may be */
    INK_LIKELY, /* ink at a threshold a little above */
    INK_INK,    /* ink */
    INK_SURE    /* ink at a threshold a little below */
};

/* Turn a picture of s->width * s->rows pixels into the darkness of its pixels, and find s->threshold.
 * Return 0, or an ink_segment_reason (< 0) why there is none. */
int ink_segment_light(struct ink_segmenter *s, uint8_t *picture);

#endif
