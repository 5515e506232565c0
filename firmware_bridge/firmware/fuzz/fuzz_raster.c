/* Any bytes, as points of a pen: a fragment whose ink is where the limits say, and its bits. */
#include "fuzz.h"
#include "line/mem.h"
#include "ink/raster.h"

#define POINT_BYTES 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static struct ink_point points[INK_RASTER_POINTS + 8];
    uint8_t pixels[INK_GREY_FRAGMENT_BYTES], again[INK_GREY_FRAGMENT_BYTES], bits[INK_BITS_FRAGMENT_BYTES];
    const uint16_t width = count > 1 ? ink_get_u16(data) : 0;
    size_t kept = 0;
    for (size_t at = 2; at + POINT_BYTES <= count && kept < INK_RASTER_POINTS + 8; at += POINT_BYTES) {
        points[kept++] = (struct ink_point){
            ink_get_u16(data + at), ink_get_u16(data + at + 2), data[at + 4], data[at + 5],
        };
    }
    ink_raster_pen(points, kept, width, pixels);
    ink_raster_pen(points, kept, width, again);
    INK_PROMISE(ink_same(pixels, again, sizeof pixels));
    uint32_t ink = 0;
    for (size_t at = 0; at < sizeof pixels; at++) {
        ink += pixels[at];
    }
    INK_PROMISE(kept > 0 || ink == 0);
    ink_raster_strokes(points, kept, pixels);
    ink_raster_pack(pixels, bits);
    INK_PROMISE((bits[INK_BITS_FRAGMENT_BYTES - 1] & 0x7F) == 0);
    for (size_t at = 0; at < sizeof pixels; at++) {
        INK_PROMISE((pixels[at] >= 128) == ((bits[at / 8] >> (7 - at % 8) & 1) != 0));
    }
    return 0;
}
