/* Strokes of a pen -> a 33x33 fragment of grey ink, and grey -> 1 bit a pixel; the twin of raster.py. */
#ifndef INK_RASTER_H
#define INK_RASTER_H

#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

#define INK_RASTER_PEN_WIDTH 66       /* of the line at nominal pressure, in the points' units: 0.66 mm */
#define INK_RASTER_POINTS 1024        /* points of a symbol; what follows is left out */
#define INK_RASTER_NOMINAL_PRESSURE 128

/* A place of the pen: x to the right and y downwards in 1/100 mm; pressure with 128 for a line as wide as the pen;
 * points with equal `stroke` one after another are joined by a line. */
struct ink_point {
    uint16_t x;
    uint16_t y;
    uint8_t pressure;
    uint8_t stroke;
};

/* Ink of a pen INK_RASTER_PEN_WIDTH wide, 0 paper .. 255, 25 pixels on its larger side, its mass in the middle. */
void ink_raster_strokes(const struct ink_point *points, size_t count, uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

/* The same with a pen of `width` (0 counts as 1). Uses 4.5 KiB of stack. No points: paper. */
void ink_raster_pen(const struct ink_point *points, size_t count, uint16_t width,
                    uint8_t pixels[INK_GREY_FRAGMENT_BYTES]);

/* As the wire carries it: row by row, most significant bit first, a pixel >= 128 is ink; 7 zero bits at the end. */
void ink_raster_pack(const uint8_t pixels[INK_GREY_FRAGMENT_BYTES], uint8_t bits[INK_BITS_FRAGMENT_BYTES]);

/* floor(sqrt(value)) */
uint32_t ink_square_root(uint32_t value);

#endif
