/* Any bytes, as a picture of any size: as many symbols as allowed, each inside the picture, or a reason. */
#include "fuzz.h"
#include "line/mem.h"
#include "ink/segment.h"

static uint8_t picture[INK_SEGMENT_PIXELS];

/* Paint the picture: a background of one byte, up to 40 rectangles of 9 bytes (place, size, grey, texture), pixels. */
static void paint(uint16_t width, uint16_t height, const uint8_t *data, size_t count)
{
    const size_t pixels = (size_t)width * height;
    ink_fill(picture, count > 0 ? data[0] : 255, pixels);
    for (size_t at = 1; at + 9 <= count && at < 1 + 9 * 40; at += 9) {
        const size_t left = ink_get_u16(data + at) % width, top = ink_get_u16(data + at + 2) % height;
        const size_t across = 1 + ink_get_u16(data + at + 4) % (width - left);
        const size_t down = 1 + data[at + 6] % (height - top);
        for (size_t place = 0; place < across * down; place++) {
            const size_t row = top + place / across, column = left + place % across;
            const uint8_t skip = (uint8_t)((row * 3 + column * 5) & data[at + 8]);
            if (skip == 0) {
                picture[row * width + column] = data[at + 7];
            }
        }
    }
    for (size_t at = 1 + 9 * 40; at < count; at++) {
        picture[(at * 2654435761U) % pixels] = data[at];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static struct ink_segmenter segmenter;
    uint8_t pixels[INK_GREY_FRAGMENT_BYTES];
    if (count < 4) {
        return 0;
    }
    const uint16_t width = ink_get_u16(data), height = ink_get_u16(data + 2);
    if (width > 0 && height > 0 && (uint32_t)width * height <= INK_SEGMENT_PIXELS) {
        paint(width, height, data + 4, count - 4);
    }
    const int symbols = ink_segment(&segmenter, picture, width, height);
    INK_PROMISE(symbols >= INK_SEGMENT_UNSURE && symbols != 0 && symbols <= INK_SEGMENT_SYMBOLS);
    for (int at = 0; at < symbols; at++) {
        const struct ink_box *box = &segmenter.symbols[at].box;
        INK_PROMISE(box->left <= box->right && box->right < width);
        INK_PROMISE(box->top <= box->bottom && box->bottom < height);
        ink_segment_fragment(&segmenter, at, pixels);
    }
    return 0;
}
