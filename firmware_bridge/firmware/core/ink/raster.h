/* Strokes of a pen -> a 33x33 fragment of grey ink, and grey -> 1 bit a pixel; the twin of edge/ink/raster.py. */
#ifndef INK_RASTER_H
#define INK_RASTER_H

#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

#define INK_RASTER_PEN_WIDTH 66       /* width of a line at nominal pressure: 0.66 mm */
#define INK_RASTER_POINTS 1024        /* of a symbol; further points are not drawn */
#define INK_RASTER_NOMINAL_PRESSURE 128

/* A place of the pen. Points with equal `stroke` one after another are joined by a line. */
struct ink_point {
    uint16_t x; /* to the right, in 1/100 mm */
    uint16_t y; /* downwards, in 1/100 mm */
    uint8_t pressure; /* INK_RASTER_NOMINAL_PRESSURE for a line as wide as the pen */
    uint8_t stroke;
};

/* Draw strokes with a pen of INK_RASTER_PEN_WIDTH, as ink_raster_pen does. */
void ink_raster_strokes(const struct ink_point *points, size_t count, uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

/* Draw strokes as a fragment of grey, 0 for paper to 255 for ink, row by row. Uses 4.5 KiB of stack.
 * The ink has 25 pixels on its larger side and its centre of mass in the middle, unless ink would leave the fragment.
 * `width` of the pen is in 1/100 mm; 0 counts as 1. Without points all is paper. */
void ink_raster_pen(const struct ink_point *points, size_t count, uint16_t width,
                    uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

/* Pack a fragment to 1 bit a pixel, as the wire carries it; a pixel of 128 or more is ink, 1.
 * Row by row, the most significant bit first; 7 zero bits at the end. */
void ink_raster_pack(const uint8_t pixels[INK_GREY_FRAGMENT_BYTES], uint8_t bits[INK_BITS_FRAGMENT_BYTES]);

/* Return floor(sqrt(value)). */
uint32_t ink_square_root(uint32_t value);

#endif
