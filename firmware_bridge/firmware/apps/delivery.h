/* Symbols, words and faults of an app -> the host, in time with its line; what both apps do alike. */
#ifndef INK_APPS_DELIVERY_H
#define INK_APPS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "../boards/digitiser.h"
#include "board.h"
#include "ink/settings.h"
#include "line/wire.h"

/* Board, session and self-test; a board that fails it tells the host and delivers no symbol. Returns when a start was
   counted in the store, without which no session may begin. */
void ink_delivery_init(enum ink_kind kind);

/* Take what the host has sent, send one frame if one is due; whether there was anything to do. */
bool ink_delivery_serve(void);

/* The next symbol of the word, grey pixels[33 * 33]; the first one begins a word. While there is no room it waits and
 * serves the line, INK_HOLD_MS at most; then the word is lost, a fault tells the host, and the rest of it is passed over. */
void ink_delivery_symbol(const uint8_t *pixels);

/* The word is complete. Nothing happens if none is open. */
void ink_delivery_word(void);

/* Writing could not be captured; an open word is lost. */
void ink_delivery_fault(enum ink_fault fault, const char *text);

/* A second, or for as long as the digitiser's inlet keeps what is written meanwhile. */
#define INK_INLET_MS (1000 * INK_DIGITISER_INLET_BYTES / INK_DIGITISER_PACKET_BYTES / INK_PEN_RATE_HZ)
#define INK_HOLD_MS (INK_INLET_MS < 1000 ? INK_INLET_MS : 1000)

#endif
