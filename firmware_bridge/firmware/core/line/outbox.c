#include "line/outbox.h"

#include "line/mem.h"

/* Return the item at `place`, 0 for the oldest. */
static const struct ink_item *item_at(const struct ink_outbox *outbox, size_t place)
{
    return &outbox->items[(outbox->first_item + place) % INK_OUTBOX_WORDS];
}

static struct ink_item *last_item(struct ink_outbox *outbox)
{
    return &outbox->items[(outbox->first_item + outbox->items_kept - 1U) % INK_OUTBOX_WORDS];
}

static uint32_t messages_of(const struct ink_item *item)
{
    const uint32_t written = item->word == 0 ? 0 : 1U + item->count * (uint32_t)INK_CHUNKS;
    return written + (item->ending != 0);
}

void ink_outbox_init(struct ink_outbox *outbox)
{
    ink_fill(outbox, 0, sizeof *outbox);
}

bool ink_outbox_is_open(const struct ink_outbox *outbox)
{
    return outbox->items_kept > 0 && item_at(outbox, outbox->items_kept - 1U)->ending == 0;
}

static struct ink_item *new_item(struct ink_outbox *outbox, uint32_t word)
{
    if (outbox->items_kept == INK_OUTBOX_WORDS) {
        return NULL;
    }
    outbox->items_kept++;
    struct ink_item *item = last_item(outbox);
    ink_fill(item, 0, sizeof *item);
    item->word = word;
    item->first = (uint16_t)((outbox->first_fragment + outbox->fragments_kept) % INK_OUTBOX_FRAGMENTS);
    return item;
}

bool ink_outbox_begin_word(struct ink_outbox *outbox, uint32_t now_ds)
{
    if (ink_outbox_is_open(outbox) || new_item(outbox, outbox->words + 1U) == NULL) {
        return false;
    }
    outbox->words++;
    last_item(outbox)->began_ds = now_ds;
    return true;
}

bool ink_outbox_add_fragment(struct ink_outbox *outbox, const uint8_t *packed, const struct ink_times *times)
{
    static const struct ink_times unknown = {INK_LONG_DURATION_MS, INK_LONG_PAUSE_CS};
    if (!ink_outbox_is_open(outbox) || outbox->fragments_kept == INK_OUTBOX_FRAGMENTS ||
        last_item(outbox)->count == INK_MAX_WORD_FRAGMENTS) {
        return false;
    }
    const size_t place = ((size_t)outbox->first_fragment + outbox->fragments_kept) % INK_OUTBOX_FRAGMENTS;
    ink_copy(outbox->fragments[place], packed, INK_PACKED_BYTES);
    outbox->times[place] = times != NULL ? *times : unknown;
    outbox->fragments_kept++;
    last_item(outbox)->count++;
    return true;
}

bool ink_outbox_end_word(struct ink_outbox *outbox, uint32_t now_ds)
{
    if (!ink_outbox_is_open(outbox)) {
        return false;
    }
    last_item(outbox)->ending = INK_ID_END;
    last_item(outbox)->ended_ds = now_ds;
    return true;
}

static int ending_message(const struct ink_item *item, uint8_t *payload)
{
    if (item->ending == INK_ID_END) {
        const struct ink_wire_end end = {item->word, item->count, item->ended_ds};
        return ink_encode_end(payload, &end);
    }
    struct ink_wire_error error = {.fault = item->fault};
    ink_copy_text(error.text, item->text, sizeof error.text - 1);
    return ink_encode_error(payload, &error);
}

bool ink_outbox_fault(struct ink_outbox *outbox, enum ink_fault fault, const char *text)
{
    const struct ink_item ending = {.ending = INK_ID_ERROR, .fault = fault, .text = text};
    uint8_t payload[INK_ERROR_BYTES];
    if (ending_message(&ending, payload) < 0) {
        return false;
    }
    struct ink_item *item = ink_outbox_is_open(outbox) ? last_item(outbox) : new_item(outbox, 0);
    if (item == NULL) {
        return false;
    }
    item->ending = ending.ending;
    item->fault = fault;
    item->text = text;
    return true;
}

static int fragment_message(const struct ink_outbox *outbox, const struct ink_item *item, uint32_t chunk,
                            uint8_t *payload)
{
    const uint32_t index = chunk / INK_CHUNKS;
    const uint32_t offset = (chunk - index * INK_CHUNKS) * INK_CHUNK_BYTES;
    const uint32_t left = INK_PACKED_BYTES - offset;
    const size_t at = (item->first + index) % INK_OUTBOX_FRAGMENTS;
    const struct ink_wire_fragment fragment = {
        .index = (uint16_t)index,
        .offset = (uint16_t)offset,
        .duration_ms = outbox->times[at].duration_ms,
        .pause_cs = outbox->times[at].pause_cs,
        .pixels = outbox->fragments[at] + offset,
        .pixels_count = (uint16_t)(left < INK_CHUNK_BYTES ? left : INK_CHUNK_BYTES),
    };
    return ink_encode_fragment(payload, &fragment);
}

uint32_t ink_outbox_messages(const struct ink_outbox *outbox)
{
    uint32_t messages = 0;
    for (size_t at = 0; at < outbox->items_kept; at++) {
        messages += messages_of(item_at(outbox, at));
    }
    return messages;
}

int ink_outbox_message(const struct ink_outbox *outbox, uint32_t place, uint8_t *id, uint8_t *payload)
{
    for (size_t at = 0; at < outbox->items_kept; at++) {
        const struct ink_item *item = item_at(outbox, at);
        const uint32_t messages = messages_of(item);
        if (place >= messages) {
            place -= messages;
            continue;
        }
        if (item->ending != 0 && place == messages - 1U) {
            *id = item->ending;
            return ending_message(item, payload);
        }
        if (place == 0) {
            const struct ink_wire_start start = {item->word, item->began_ds};
            *id = INK_ID_START;
            return ink_encode_start(payload, &start);
        }
        *id = INK_ID_FRAGMENT;
        return fragment_message(outbox, item, place - 1U, payload);
    }
    return -1;
}

uint32_t ink_outbox_forget(struct ink_outbox *outbox, uint32_t consumed, uint32_t *words)
{
    uint32_t gone = 0;
    while (outbox->items_kept > 0) {
        const struct ink_item *item = item_at(outbox, 0);
        const uint32_t messages = messages_of(item);
        if (item->ending == 0 || consumed - gone < messages) {
            break;
        }
        gone += messages;
        *words += item->word != 0;
        outbox->first_fragment = (uint16_t)((outbox->first_fragment + item->count) % INK_OUTBOX_FRAGMENTS);
        outbox->fragments_kept = (uint16_t)(outbox->fragments_kept - item->count);
        outbox->first_item = (uint8_t)((outbox->first_item + 1U) % INK_OUTBOX_WORDS);
        outbox->items_kept--;
    }
    return gone;
}
