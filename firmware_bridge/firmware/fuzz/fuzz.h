/* What the fuzz targets share: their entry, and the check of a promise, which traps if it is broken. */
#ifndef INK_FUZZ_H
#define INK_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Run the code under test on any bytes; libFuzzer's entry. Return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

#ifdef INK_BROKEN
void INK_BROKEN(const char *promise);
#else
#define INK_BROKEN(promise) __builtin_trap()
#endif

#define INK_PROMISE(holds)                                                                                             \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            INK_BROKEN(#holds);                                                                                        \
        }                                                                                                              \
    } while (0)

#endif
