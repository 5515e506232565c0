/* Samples of a digitiser at a fixed rate -> finished symbols and words; the twin of edge/ink/pen.py. */
#ifndef INK_PEN_H
#define INK_PEN_H

#include <stdbool.h>
#include <stdint.h>

#include "ink/raster.h"
#include "ink/times.h"

#define INK_PEN_POINTS 512 /* of a symbol: 5 s of steady contact at 100 Hz; a longer symbol is thinned out */
#define INK_PEN_STROKES 64 /* of a symbol; further strokes are dropped, their samples counted */

/* What a pen board's capture goes by: lengths in 1/100 mm, times in ms, pressures in the digitiser's units. */
struct ink_pen_config {
    uint16_t rate_hz;   /* samples a second while the pen is in reach */
    uint16_t contact;   /* at this pressure or more the pen touches the paper */
    uint16_t release;   /* below this pressure the pen has left the paper; not above `contact` */
    uint16_t nominal;   /* the pressure of a line as wide as the pen */
    uint16_t gap;       /* a stroke that begins further than this to the right of the symbol begins a new symbol */
    uint16_t back;      /* a stroke that begins further than this to the left of the symbol begins a new symbol */
    uint16_t line;      /* a stroke that begins further than this above or below the symbol begins a new symbol */
    uint16_t spacing;   /* a point closer than this to the last point kept, |dx| + |dy|, is dropped */
    uint16_t pen_up_ms; /* after this time without contact the symbol is finished */
    uint16_t word_ms;   /* after this time without contact the word is finished */
    uint16_t least_ms;  /* a symbol that took less, first contact to last, is a speck, and is dropped */
};

/* The settings that this firmware was built with (settings.h). */
extern const struct ink_pen_config ink_pen_settings;

#define INK_PEN_FAILURE_MS 1000    /* a digitiser that is silent for this time while the pen touches has failed */
#define INK_PEN_STUCK_MS 30000     /* a pen that touches for this time without a break does not say when it is lifted */
#define INK_PEN_UNTOUCHED_MS 30000 /* a pen that was in reach for this time and never touched has no pressure */

/* What a sample or a silence completed. */
enum ink_pen_event {
    INK_PEN_NONE,
    INK_PEN_SYMBOL, /* a symbol, whose points are points[0 .. count) until the next call; its times: ink_pen_times */
    INK_PEN_WORD,   /* a word: all symbols since the last INK_PEN_WORD */
    INK_PEN_FAILURE, /* the digitiser has failed; what was written since the last INK_PEN_WORD is lost */
    INK_PEN_STUCK, /* the pen touches without end; what was written is lost, and contacts count again once it is lifted */
    INK_PEN_UNTOUCHED, /* since the start the pen was in reach for long and never touched; told once */
};

/* All memory of a capture. */
struct ink_pen {
    struct ink_point points[INK_PEN_POINTS];
    uint16_t count;
    uint8_t strokes;  /* of the symbol, finished and open */
    uint32_t specks;  /* symbols of less than least_ms, dropped */
    uint32_t dropped; /* samples of strokes beyond INK_PEN_STROKES */
    uint32_t thinned; /* times that points were thinned out */

    struct ink_pen_config config;
    uint32_t pen_up_samples, word_samples, least_samples, stuck_samples, untouched_samples;
    uint32_t idle;     /* samples since the last contact; stops at word_samples */
    uint32_t touching; /* samples of contact without a break; stops at stuck_samples */
    uint32_t hovering; /* samples before the first contact ever; stops at untouched_samples */
    uint32_t clock;    /* samples since the start; the four below are readings of it */
    uint32_t began, ended; /* first and latest contact of the symbol */
    uint32_t before;       /* latest contact of the symbol before it in the word */
    uint32_t pause;        /* from there to the symbol's first contact, all ones if it is the word's first */
    uint32_t contacts; /* samples of contact in the symbol */
    uint32_t spacing;  /* in use: the configured one, doubled whenever points are thinned out, and 1 added */
    uint16_t left, top, right, bottom; /* box around the symbol */
    struct ink_point last; /* the latest contact */
    struct ink_point held; /* the contact that ended a symbol, to begin the next one */
    bool down;             /* the pen touched at the last sample */
    bool delivered;        /* the symbol was returned; the next call clears it */
    bool holding;          /* there is a held contact */
    bool word_open;        /* a symbol was returned since the last word */
    bool word_due;         /* INK_PEN_WORD is the next event */
};

/* Begin with no symbol. The configuration is copied; 0 for rate_hz or nominal counts as 1. */
void ink_pen_init(struct ink_pen *pen, const struct ink_pen_config *config);

/* Take a sample: x, y in 1/100 mm, pressure in the digitiser's units, 0 where the pen does not touch.
 * Return what it completed; then call ink_pen_pending until it returns INK_PEN_NONE. */
enum ink_pen_event ink_pen_sample(struct ink_pen *pen, uint16_t x, uint16_t y, uint16_t pressure);

/* Take note that the digitiser has been silent for silent_ms since the last sample; may be called at any time.
 * - Where the pen did not touch, a silence of word_ms means that it is out of reach: symbol and word are finished.
 * - Where it touched, a silence of INK_PEN_FAILURE_MS is INK_PEN_FAILURE.
 * - A shorter silence changes nothing, so that time within a word is counted in samples alone.
 * Return what it completed; then call ink_pen_pending until it returns INK_PEN_NONE. */
enum ink_pen_event ink_pen_silence(struct ink_pen *pen, uint32_t silent_ms);

/* Return when the symbol was written that INK_PEN_SYMBOL returned; valid until the next call. */
struct ink_times ink_pen_times(const struct ink_pen *pen);

/* Return the next event that is due without another sample, INK_PEN_NONE if none is. */
enum ink_pen_event ink_pen_pending(struct ink_pen *pen);

#endif
