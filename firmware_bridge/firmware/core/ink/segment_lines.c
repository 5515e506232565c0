#include "ink/segment_lines.h"

#include "ink/box.h"

enum {
    TICKS = 3,       /* ticks in a row, at least */
    IN_LINE_Q8 = 640 /* how far a line may be off another one's direction */
};

static int32_t magnitude(int32_t value)
{
    return value < 0 ? -value : value;
}

static int32_t length(const struct ink_line *line)
{
    return (int32_t)line->last - line->first + 1;
}

/* Return the pixel across at a place along a line; beyond its ends that of the end. */
static int32_t middle(const struct ink_line *line, int32_t along)
{
    const int32_t place = ink_smaller(ink_larger(along, line->first), line->last);
    const int32_t span = ink_larger((int32_t)line->last - line->first, 1);
    const int32_t sum = line->begin_q8 * (line->last - place) + line->end_q8 * (place - line->first);
    return ink_floor_divide(ink_floor_divide(sum, span), 256);
}

/* Return whether the end of a line, `end` along and `place` across, is at another line. */
static bool is_at(const struct ink_line *line, int32_t end, int32_t place, bool loose, const struct ink_line *other)
{
    const int32_t off = magnitude(middle(other, place) - end);
    return other->first - INK_LINE_ABUTS <= place && place <= other->last + INK_LINE_ABUTS &&
           off <= (loose ? (other->width + 1) / 2 : INK_LINE_ABUTS) && line->width <= other->width + INK_LINE_THICKER;
}

uint8_t ink_segment_ends_at(const struct ink_line *line, const struct ink_line *others, uint32_t count,
                            enum ink_lines which)
{
    const int32_t begin = ink_floor_divide(line->begin_q8, 256);
    const int32_t end = ink_floor_divide(line->end_q8, 256);
    uint8_t first = 0;
    uint8_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct ink_line *other = &others[i];
        if (which == INK_ANY_LINE || (which == INK_BOXED_LINE ? other->boxed : other->printed)) {
            first |= is_at(line, line->first, begin, line->free_first, other);
            last |= is_at(line, line->last, end, line->free_last, other);
        }
    }
    return (uint8_t)(first + last);
}

/* Take all lines of `some` that do not end at boxed lines of `others` at both ends out of the boxes. Return whether
 * there was one. */
static bool unbox(struct ink_line *some, uint32_t count, const struct ink_line *others, uint32_t other_count)
{
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        if (some[i].boxed && ink_segment_ends_at(&some[i], others, other_count, INK_BOXED_LINE) != 2) {
            some[i].boxed = false;
            changed = true;
        }
    }
    return changed;
}

/* Find the lines that make boxes higher than the writing: each ends at others at both ends. */
static void find_boxes(struct ink_segmenter *s)
{
    struct ink_line *upright = s->lines + s->across_count;
    const uint32_t uprights = (uint32_t)s->line_count - s->across_count;
    for (uint32_t i = 0; i < s->line_count; i++) {
        s->lines[i].boxed = i < s->across_count || 10 * length(&s->lines[i]) >= 11 * (int32_t)s->height;
    }
    bool changed = true;
    while (changed) {
        changed = unbox(upright, uprights, s->lines, s->across_count);
        changed |= unbox(s->lines, s->across_count, upright, uprights);
    }
}

/* Return whether one end of a line lies in another one's direction. */
static bool is_ahead(const struct ink_line *line, int32_t along, int32_t place_q8)
{
    const int32_t span = ink_larger((int32_t)line->last - line->first, 1);
    const int32_t rise = ink_floor_divide((line->end_q8 - line->begin_q8) * (along - line->first), span);
    return magnitude(line->begin_q8 + rise - place_q8) <= IN_LINE_Q8;
}

/* Return whether another line lies in a line's direction; that of the longer counts. */
static bool in_line(const struct ink_line *line, const struct ink_line *other)
{
    const struct ink_line *longer = length(line) >= length(other) ? line : other;
    const struct ink_line *shorter = longer == line ? other : line;
    return is_ahead(longer, shorter->first, shorter->begin_q8) && is_ahead(longer, shorter->last, shorter->end_q8);
}

/* Find the printed lines across: sides of boxes, and what is twice as long as symbols are high, alone or together with
 * others in the same line. Return false if one that is long is neither. */
static bool confirm_across(struct ink_segmenter *s)
{
    const int32_t height = (int32_t)s->height;
    bool certain = true;
    for (uint32_t i = 0; i < s->across_count; i++) {
        struct ink_line *line = &s->lines[i];
        int32_t total = 0;
        for (uint32_t j = 0; j < s->across_count; j++) {
            total += in_line(line, &s->lines[j]) ? length(&s->lines[j]) : 0;
        }
        line->printed = line->boxed || total >= 2 * height;
        certain = certain && (line->printed || 4 * length(line) < 7 * height);
    }
    return certain;
}

/* Return whether an upright line stands alone, or with one end on a line across, and is lower than writing. */
static bool is_tick(const struct ink_segmenter *s, const struct ink_line *line)
{
    return 4 * length(line) <= 3 * (int32_t)s->height &&
           ((line->free_first && line->free_last) || ((line->free_first || line->free_last) && line->ends == 1));
}

/* Return whether at least TICKS ticks, a tick itself among them, begin and end beside it, on paper that may lie askew. */
static bool in_row(const struct ink_segmenter *s, const struct ink_line *tick)
{
    uint32_t alike = 0;
    for (uint32_t i = s->across_count; i < s->line_count; i++) {
        const struct ink_line *other = &s->lines[i];
        const int32_t off = 3 + magnitude(tick->begin_q8 - other->begin_q8) / 4096;
        alike += is_tick(s, other) && magnitude(tick->first - other->first) <= off &&
                         magnitude(tick->last - other->last) <= off
                     ? 1u
                     : 0u;
    }
    return alike >= TICKS;
}

/* Return whether an upright line, or it and a piece of the same line behind a stroke, ends at lines across twice. */
static bool reaches_over(const struct ink_segmenter *s, const struct ink_line *line)
{
    bool found = line->ends == 2;
    for (uint32_t i = s->across_count; i < s->line_count && line->ends == 1 && !found; i++) {
        const struct ink_line *other = &s->lines[i];
        found = other->ends == 1 && (other->last < line->first || other->first > line->last) && in_line(line, other);
    }
    return found;
}

/* Return whether an upright line ends where a printed line across ends. */
static bool is_corner(const struct ink_segmenter *s, const struct ink_line *line)
{
    const int32_t begin = ink_floor_divide(line->begin_q8, 256);
    const int32_t end = ink_floor_divide(line->end_q8, 256);
    for (uint32_t i = 0; i < s->across_count; i++) {
        const struct ink_line *other = &s->lines[i];
        const bool near = magnitude(begin - other->first) <= INK_LINE_ABUTS ||
                          magnitude(begin - other->last) <= INK_LINE_ABUTS ||
                          magnitude(end - other->first) <= INK_LINE_ABUTS ||
                          magnitude(end - other->last) <= INK_LINE_ABUTS;
        if (near && ink_segment_ends_at(line, other, 1, INK_PRINTED_LINE) > 0) {
            return true;
        }
    }
    return false;
}

bool ink_segment_confirm_lines(struct ink_segmenter *s)
{
    const int32_t height = (int32_t)s->height;
    find_boxes(s);
    if (!confirm_across(s)) {
        return false;
    }
    for (uint32_t i = s->across_count; i < s->line_count; i++) {
        s->lines[i].ends = ink_segment_ends_at(&s->lines[i], s->lines, s->across_count, INK_PRINTED_LINE);
    }
    bool certain = true;
    for (uint32_t i = s->across_count; i < s->line_count; i++) {
        struct ink_line *line = &s->lines[i];
        line->printed = length(line) >= 2 * height || line->boxed || reaches_over(s, line) ||
                        (is_tick(s, line) && in_row(s, line));
        certain = certain && (line->printed || length(line) < height || !is_corner(s, line));
    }
    return certain;
}
