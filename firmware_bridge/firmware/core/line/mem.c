#include "line/mem.h"

void ink_copy(void *to, const void *from, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (size_t at = 0; at < count; at++) {
        out[at] = in[at];
    }
}

void ink_fill(void *to, uint8_t value, size_t count)
{
    uint8_t *out = to;
    for (size_t at = 0; at < count; at++) {
        out[at] = value;
    }
}

void ink_copy_text(char *to, const char *from, size_t most)
{
    size_t at = 0;
    while (at < most && from[at] != '\0') {
        to[at] = from[at];
        at++;
    }
    to[at] = '\0';
}

bool ink_same(const void *left, const void *right, size_t count)
{
    const volatile uint8_t *a = left;
    const volatile uint8_t *b = right;
    uint8_t different = 0;
    for (size_t at = 0; at < count; at++) {
        different = (uint8_t)(different | (a[at] ^ b[at]));
    }
    return different == 0;
}

void ink_wipe(void *secret, size_t count)
{
    volatile uint8_t *out = secret;
    for (size_t at = 0; at < count; at++) {
        out[at] = 0;
    }
}

uint16_t ink_get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

uint32_t ink_get_u32(const uint8_t *bytes)
{
    return (uint32_t)ink_get_u16(bytes) | (uint32_t)ink_get_u16(bytes + 2) << 16;
}

void ink_put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

void ink_put_u32(uint8_t *bytes, uint32_t value)
{
    ink_put_u16(bytes, (uint16_t)value);
    ink_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

#if !__STDC_HOSTED__
/* Compilers call these four functions even in a program without a libc. In them, GCC must not turn a loop into a call
 * of the function itself. */
#if defined(__GNUC__) && !defined(__clang__)
#define INK_AS_WRITTEN __attribute__((optimize("no-tree-loop-distribute-patterns")))
#else
#define INK_AS_WRITTEN
#endif

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

INK_AS_WRITTEN void *memcpy(void *to, const void *from, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    while (count-- > 0) {
        *out++ = *in++;
    }
    return to;
}

INK_AS_WRITTEN void *memmove(void *to, const void *from, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out <= (uintptr_t)in) {
        return memcpy(to, from, count);
    }
    while (count-- > 0) {
        out[count] = in[count];
    }
    return to;
}

INK_AS_WRITTEN void *memset(void *to, int value, size_t count)
{
    uint8_t *out = to;
    while (count-- > 0) {
        *out++ = (uint8_t)value;
    }
    return to;
}

INK_AS_WRITTEN int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t at = 0; at < count; at++) {
        if (a[at] != b[at]) {
            return (int)a[at] - (int)b[at];
        }
    }
    return 0;
}
#endif
