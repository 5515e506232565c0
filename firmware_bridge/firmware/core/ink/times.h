/* When a symbol was written, as far as its board knows: the fields of FRAGMENT. */
#ifndef INK_TIMES_H
#define INK_TIMES_H

#include <stdint.h>

#include "line/wire.h"

struct ink_times {
    uint16_t duration_ms; /* from the symbol's first contact to its last, or INK_LONG_DURATION_MS */
    uint8_t pause_cs;     /* 1/100 s from the last contact of the symbol before it, or INK_LONG_PAUSE_CS */
};

#endif
