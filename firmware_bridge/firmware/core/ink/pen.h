/* Samples of a digitiser at a fixed rate -> finished symbols and words; the twin of pen.py. */
#ifndef INK_PEN_H
#define INK_PEN_H

#include <stdbool.h>
#include <stdint.h>

#include "ink/raster.h"

#define INK_PEN_POINTS 512 /* of a symbol: 5 s of steady contact at 100 Hz; longer ones are thinned out */
#define INK_PEN_STROKES 64 /* of a symbol; further ones are dropped and counted */

/* Lengths in 1/100 mm, times in ms, pressures in the digitiser's units. */
struct ink_pen_config {
    uint16_t rate_hz;  /* samples a second while the pen is in reach */
    uint16_t contact;  /* from this pressure on the pen touches */
    uint16_t release;  /* below this one it has left; not above `contact` */
    uint16_t nominal;  /* the pressure of a line as wide as the pen */
    uint16_t gap;      /* a stroke that begins further than this to the right of the symbol begins another one */
    uint16_t back;     /* so does one that begins further than this to the left, */
    uint16_t line;     /* or further than this above or below */
    uint16_t spacing;  /* points closer than this to the last one kept are not kept */
    uint16_t pen_up_ms; /* without contact: the symbol is finished */
    uint16_t word_ms;   /* without contact: the word is */
    uint8_t least_samples; /* a symbol with fewer was no writing */
};

/* As this firmware was built: settings.h. */
extern const struct ink_pen_config ink_pen_settings;

#define INK_PEN_FAILURE_MS 1000 /* a digitiser that is silent for so long while the pen touches has failed */

enum ink_pen_event {
    INK_PEN_NONE,
    INK_PEN_SYMBOL, /* points[0 .. count) are its points, until the next call */
    INK_PEN_WORD,   /* all symbols since the last INK_PEN_WORD are one */
    INK_PEN_FAILURE, /* the digitiser has failed; what was written since the last INK_PEN_WORD is lost */
};

struct ink_pen {
    struct ink_point points[INK_PEN_POINTS];
    uint16_t count;
    uint8_t strokes;  /* finished and open ones of the symbol */
    uint32_t specks;  /* symbols shorter than least_samples, dropped */
    uint32_t dropped; /* samples of strokes beyond INK_PEN_STROKES */
    uint32_t thinned; /* times that points were thinned out */

    struct ink_pen_config config;
    uint32_t pen_up_samples, word_samples;
    uint32_t idle;     /* samples since the last contact; stops at word_samples */
    uint32_t contacts; /* samples of the symbol */
    uint32_t spacing;  /* now: doubles when points are thinned out */
    uint16_t left, top, right, bottom;
    struct ink_point last; /* the latest contact */
    struct ink_point held; /* the contact that ended a symbol, to begin the next one */
    bool down;             /* the pen touched at the last sample */
    bool delivered;        /* the points were given away */
    bool holding;
    bool word_open; /* a symbol was given away since the last word */
    bool word_due;
};

/* A configuration that contradicts itself is put right: rate_hz, nominal and least_samples are at least 1. */
void ink_pen_init(struct ink_pen *pen, const struct ink_pen_config *config);

/* One sample; pressure 0 where the pen does not touch. Call ink_pen_pending until INK_PEN_NONE after it. */
enum ink_pen_event ink_pen_sample(struct ink_pen *pen, uint16_t x, uint16_t y, uint16_t pressure);

/* The digitiser has been silent for so long since the last sample; may be called at any time. Silence of word_ms means that
 * the pen, which did not touch, is out of reach: symbol and word are finished. Shorter ones do not count, so that time
 * within a word is counted in samples alone. Call ink_pen_pending until INK_PEN_NONE after it. */
enum ink_pen_event ink_pen_silence(struct ink_pen *pen, uint32_t silent_ms);

/* What is due without another sample. */
enum ink_pen_event ink_pen_pending(struct ink_pen *pen);

#endif
