/* A flash in memory, whose power may be cut after some words -> the erase and program functions that store.c calls. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_BYTES 2048
#define ERASED 0xFFFFFFFFu

uint8_t ink_store[STORE_BYTES] __attribute__((aligned(4)));
uint32_t power_left = ERASED; /* words until the power is cut */
uint32_t words_touched, worn; /* words erased or programmed; words programmed without being erased before */

static bool powered(void)
{
    if (power_left == 0) {
        return false;
    }
    power_left--;
    words_touched++;
    return true;
}

void ink_flash_erase(uintptr_t address)
{
    uint32_t *word = (uint32_t *)address;
    for (size_t place = 0; place < STORE_BYTES / 8 && powered(); place++) {
        word[place] = ERASED;
    }
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    uint32_t *word = (uint32_t *)address;
    for (size_t place = 0; place < 64 && powered(); place++) {
        worn += word[place] != ERASED;
        word[place] &= words[place];
    }
}

uint32_t ink_board_entropy(void)
{
    return 0x1234ABCD;
}
