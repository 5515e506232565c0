/* Bytes of a UART's interrupt -> the main loop, in order; what finds no room is left in the UART. */
#ifndef INK_BOARDS_INLET_H
#define INK_BOARDS_INLET_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "cortex_m.h"

#define INK_HOST_INLET_BYTES 256 /* a frame; twice what arrives while one is sent */

/* A ring with one writer, the interrupt, and one reader, the main loop. Sizes are powers of two. */
struct ink_inlet {
    uint8_t *bytes;
    uint16_t mask;
    uint8_t interrupt; /* its number, silenced while there is no room */
    volatile bool silenced;
    volatile uint16_t written, read;
};

extern struct ink_inlet ink_host, ink_digitiser;

/* Whether there is room for a byte; if not, the interrupt is silenced until there is. For interrupts. */
static inline bool ink_inlet_ready(struct ink_inlet *inlet)
{
    if ((uint16_t)(inlet->written - inlet->read) <= inlet->mask) {
        return true;
    }
    inlet->silenced = true;
    ink_interrupt_disable(inlet->interrupt);
    return false;
}

/* Keep a byte; only after ink_inlet_ready. For interrupts. */
static inline void ink_inlet_put(struct ink_inlet *inlet, uint8_t byte)
{
    inlet->bytes[inlet->written & inlet->mask] = byte;
    inlet->written = (uint16_t)(inlet->written + 1);
}

/* The oldest byte, if any. For the main loop. */
bool ink_inlet_get(struct ink_inlet *inlet, uint8_t *byte);

#endif
