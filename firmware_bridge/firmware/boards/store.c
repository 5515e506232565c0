/* Up to 240 bytes and the board's number <-> flash, such that a power cut leaves the last state or the one before it.

The store has two halves, each of which is erased as a whole. Each state has a slot of its own, of 256 bytes: serial
number, count, content, board's number, CRC-32. The valid slot with the highest serial number holds the last state. The
next state goes into the first erased slot behind it in the same half. If there is none, the other half is erased, which
holds only older states, and the state goes into its first slot. */
#include "line/crc32.h"
#include "line/mem.h"
#include "board.h"
#include "services.h"

#define SLOT_BYTES 256
#define SLOT_WORDS (SLOT_BYTES / 4)
#define SLOTS (INK_STORE_TOTAL_BYTES / SLOT_BYTES)
#define ERASED 0xFFFFFFFFu

struct slot {
    uint32_t serial, count;
    uint8_t content[INK_STORE_BYTES];
    uint32_t board; /* its number, drawn at random at the first write */
    uint32_t crc;
};

_Static_assert(sizeof(struct slot) == SLOT_BYTES, "a slot is 256 bytes");

extern uint8_t ink_store[];

static const struct slot *slot_at(uint32_t number)
{
    return (const struct slot *)(const void *)(ink_store + number * SLOT_BYTES);
}

static uint32_t crc_of(const struct slot *slot)
{
    return ink_crc32((const uint8_t *)slot, SLOT_BYTES - 4);
}

static bool erased(const struct slot *slot)
{
    const uint32_t *words = (const uint32_t *)(const void *)slot;
    for (uint32_t place = 0; place < SLOT_WORDS; place++) {
        if (words[place] != ERASED) {
            return false;
        }
    }
    return true;
}

/* Return the number of the slot that holds the last state, SLOTS if there is none. */
static uint32_t newest(void)
{
    uint32_t best = SLOTS, serial = 0;
    for (uint32_t number = 0; number < SLOTS; number++) {
        const struct slot *slot = slot_at(number);
        if (slot->serial != ERASED && slot->serial >= serial && slot->count <= INK_STORE_BYTES && slot->crc == crc_of(slot)) {
            best = number;
            serial = slot->serial;
        }
    }
    return best;
}

bool ink_board_store_read(void *into, size_t count)
{
    uint32_t number = newest();
    if (number == SLOTS || slot_at(number)->count != count) {
        return false;
    }
    ink_copy(into, slot_at(number)->content, count);
    return true;
}

/* Return the number of the slot to write after slot `last`; if need be, erase the other half for it. */
static uint32_t vacant(uint32_t last)
{
    const uint32_t half = SLOTS / 2;
    uint32_t number = last == SLOTS ? 0 : last + 1;
    const uint32_t end = last == SLOTS || last < half ? half : SLOTS;
    while (number < end && !erased(slot_at(number))) {
        number++;
    }
    if (number < end) {
        return number;
    }
    number = end == half ? half : 0;
    ink_flash_erase((uintptr_t)slot_at(number));
    return number;
}

bool ink_board_store_write(const void *from, size_t count)
{
    if (count > INK_STORE_BYTES) {
        return false;
    }
    static struct slot fresh;
    const uint32_t last = newest();
    ink_fill(&fresh, 0, sizeof fresh);
    fresh.serial = last == SLOTS ? 1 : slot_at(last)->serial + 1;
    fresh.board = last == SLOTS ? ink_board_entropy() : slot_at(last)->board;
    fresh.count = (uint32_t)count;
    ink_copy(fresh.content, from, count);
    fresh.crc = crc_of(&fresh);
    const uint32_t number = vacant(last);
    ink_flash_program((uintptr_t)slot_at(number), (const uint32_t *)(const void *)&fresh);
    const bool kept = ink_same(slot_at(number), &fresh, sizeof fresh);
    ink_wipe(&fresh, sizeof fresh);
    return kept;
}

uint32_t ink_board_number(void)
{
    const uint32_t number = newest();
    return number == SLOTS ? 0 : slot_at(number)->board;
}
