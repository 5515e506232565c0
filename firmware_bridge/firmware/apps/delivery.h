/* Symbols, words and faults of an app -> the host: what the pen app and the camera app share. */
#ifndef INK_APPS_DELIVERY_H
#define INK_APPS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "../boards/digitiser.h"
#include "board.h"
#include "ink/settings.h"
#include "ink/times.h"
#include "line/wire.h"

/* Start the board and the session, and run the self-test.
 * It returns only when the start is counted in the store, since no session may begin before. A board that fails the
 * self-test reports a fault and delivers no symbol. */
void ink_delivery_init(enum ink_kind kind);

/* Take what the host has sent, and send one frame if one is due. Return whether there was anything to do. */
bool ink_delivery_serve(void);

/* Deliver the next symbol of the word, grey pixels[33 * 33], and its times, NULL if they are not known.
 * The first symbol begins the word.
 * While there is no room, wait and serve the line, INK_HOLD_MS at most for a new word and as long for the symbol. If
 * there is still none, or if the word has more symbols than the board can keep, report a fault: the word is lost, and
 * its further symbols are dropped. */
void ink_delivery_symbol(const uint8_t *pixels, const struct ink_times *times);

/* End the word. Nothing happens if none is open. */
void ink_delivery_word(void);

/* Report that writing could not be captured; an open word is lost. `text` is as ink_outbox_fault takes it. */
void ink_delivery_fault(enum ink_fault fault, const char *text);

/* How long to wait for room: a second, but no longer than the digitiser's inlet can hold what is written meanwhile. */
#define INK_INLET_MS (1000 * INK_DIGITISER_INLET_BYTES / INK_DIGITISER_PACKET_BYTES / INK_PEN_RATE_HZ)
#define INK_HOLD_MS (INK_INLET_MS < 1000 ? INK_INLET_MS : 1000)

#endif
