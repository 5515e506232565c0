/* The image's header (firmware_bridge/build/image.py) -> the version of the firmware, as INFO says it.

The image's SHA-256 is read from its header in the flash, because a program cannot contain its own. */
#include "line/mem.h"
#include "services.h"

#define MAGIC "INKIMAGE"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define DIGEST_OFFSET 56
#define DIGEST_BYTES 4 /* of 32: enough to tell builds apart, not to prove which one it is */

_Static_assert(sizeof INK_VERSION + 1 + 2 * DIGEST_BYTES <= 24 + 1, "INFO's firmware has at most 24 characters");

extern const uint8_t ink_image_header[];

const char *ink_board_firmware(void)
{
    static char text[sizeof INK_VERSION + 1 + 2 * DIGEST_BYTES] = INK_VERSION;
    static const char digits[] = "0123456789abcdef";
    if (ink_same(ink_image_header, MAGIC, MAGIC_BYTES)) {
        char *end = text + sizeof INK_VERSION - 1;
        *end++ = '+';
        for (size_t place = 0; place < DIGEST_BYTES; place++) {
            const uint8_t byte = ink_image_header[DIGEST_OFFSET + place];
            *end++ = digits[byte >> 4];
            *end++ = digits[byte & 0xFu];
        }
    }
    return text;
}
