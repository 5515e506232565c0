/* What a build may set (`inkgate firmware build BOARD APP --set NAME=VALUE`, firmware_bridge/settings.py), and what it is else.

   Lengths in 1/100 mm, times in ms, pressures in the digitiser's units; what each is for: pen.h and outbox.h. */
#ifndef INK_SETTINGS_H
#define INK_SETTINGS_H

#ifndef INK_PEN_RATE_HZ
#define INK_PEN_RATE_HZ 100
#endif
#ifndef INK_PEN_CONTACT
#define INK_PEN_CONTACT 64
#endif
#ifndef INK_PEN_RELEASE
#define INK_PEN_RELEASE 32
#endif
#ifndef INK_PEN_NOMINAL
#define INK_PEN_NOMINAL 1024
#endif
#ifndef INK_PEN_GAP
#define INK_PEN_GAP 150
#endif
#ifndef INK_PEN_BACK
#define INK_PEN_BACK 500
#endif
#ifndef INK_PEN_LINE
#define INK_PEN_LINE 400
#endif
#ifndef INK_PEN_SPACING
#define INK_PEN_SPACING 8
#endif
#ifndef INK_PEN_UP_MS
#define INK_PEN_UP_MS 500
#endif
#ifndef INK_PEN_WORD_MS
#define INK_PEN_WORD_MS 1000
#endif
#ifndef INK_PEN_LEAST_SAMPLES
#define INK_PEN_LEAST_SAMPLES 2
#endif
#ifndef INK_PIXEL_BITS
#define INK_PIXEL_BITS 1
#endif

#endif
