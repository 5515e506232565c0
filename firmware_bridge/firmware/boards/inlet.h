/* Bytes that a UART's interrupt takes -> the main loop, in order; bytes without room stay in the UART. */
#ifndef INK_BOARDS_INLET_H
#define INK_BOARDS_INLET_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "cortex_m.h"

#define INK_HOST_INLET_BYTES 256 /* a frame; twice what arrives while one is sent */

/* A ring of bytes with one writer, the interrupt, and one reader, the main loop. */
struct ink_inlet {
    uint8_t *bytes;
    uint16_t mask;          /* size - 1; the size is a power of two */
    uint8_t interrupt;      /* its number */
    volatile bool silenced; /* the interrupt is disabled for want of room */
    volatile uint16_t written, read;
};

extern struct ink_inlet ink_host, ink_digitiser;

/* Return whether there is room for a byte; if not, disable the interrupt until there is. For interrupts. */
static inline bool ink_inlet_ready(struct ink_inlet *inlet)
{
    if ((uint16_t)(inlet->written - inlet->read) <= inlet->mask) {
        return true;
    }
    inlet->silenced = true;
    ink_interrupt_disable(inlet->interrupt);
    return false;
}

/* Add a byte; only after ink_inlet_ready returned true. For interrupts. */
static inline void ink_inlet_put(struct ink_inlet *inlet, uint8_t byte)
{
    inlet->bytes[inlet->written & inlet->mask] = byte;
    inlet->written = (uint16_t)(inlet->written + 1);
}

/* Take the oldest byte. Return false if there is none. For the main loop. */
bool ink_inlet_get(struct ink_inlet *inlet, uint8_t *byte);

#endif
