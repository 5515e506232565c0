/* RP2040: registers (RP2040 datasheet) -> the board's services.

Host on UART0 (GP0, GP1), digitiser on UART1 (GP4, GP5), camera on SPI0 (camera.c). The processor's clock is that of the
crystal, 12 MHz, * 125 / 6 / 2 = 125 MHz. */
#include "board.h"

#include "../inlet.h"
#include "../services.h"
#include "pins.h"

#define SET(reg) INK_REG((uintptr_t)&(reg) + 0x2000) /* this alias sets bits, the next one clears them */
#define CLEAR(reg) INK_REG((uintptr_t)&(reg) + 0x3000)
#define RESETS INK_REG(0x4000C000)
#define RESET_DONE INK_REG(0x4000C008)
#define CLK_REF_CTRL INK_REG(0x40008030)
#define CLK_REF_SELECTED INK_REG(0x40008038)
#define CLK_SYS_CTRL INK_REG(0x4000803C)
#define CLK_SYS_SELECTED INK_REG(0x40008044)
#define CLK_PERI_CTRL INK_REG(0x40008048)
#define PLL_CS INK_REG(0x40028000)
#define PLL_PWR INK_REG(0x40028004)
#define PLL_FBDIV INK_REG(0x40028008)
#define PLL_PRIM INK_REG(0x4002800C)
#define ROSC_RANDOMBIT INK_REG(0x4006001C)
#define XOSC_CTRL INK_REG(0x40024000)
#define XOSC_STATUS INK_REG(0x40024004)
#define XOSC_STARTUP INK_REG(0x4002400C)
#define PSM_WDSEL INK_REG(0x40010008)
#define WATCHDOG_CTRL INK_REG(0x40058000)
#define WATCHDOG_LOAD INK_REG(0x40058004)
#define WATCHDOG_TICK INK_REG(0x4005802C)
#define UART0 0x40034000
#define UART1 0x40038000
#define UART_DR(base) INK_REG((base) + 0x00)
#define UART_FR(base) INK_REG((base) + 0x18)
#define CRYSTAL_HZ 12000000u
#define CLOCK_HZ 125000000u
#define BAUD 115200u
#define READY_TRIES 100000u
#define WATCHDOG_US 2000000u
#define PLL_BLOCK (1u << 12)
#define USED_BLOCKS (1u << 5 | 1u << 8 | 1u << 16 | 1u << 22 | 1u << 23) /* pins, pads, SPI0, UART0, UART1 */

/* Start the crystal, and take the reference clock from it. Return false if that fails. */
static bool crystal_start(void)
{
    XOSC_CTRL = 0xAA0; /* 1 to 15 MHz */
    XOSC_STARTUP = 47; /* 1 ms */
    XOSC_CTRL = 0xFABAA0;
    if (!ink_await(&XOSC_STATUS, 1u << 31, 1u << 31, READY_TRIES)) {
        return false;
    }
    CLK_REF_CTRL = 2;
    return ink_await(&CLK_REF_SELECTED, 1u << 2, 1u << 2, READY_TRIES);
}

/* Start the PLL, at 125 MHz. Return false if that fails. */
static bool pll_start(void)
{
    CLEAR(RESETS) = PLL_BLOCK;
    if (!ink_await(&RESET_DONE, PLL_BLOCK, PLL_BLOCK, READY_TRIES)) {
        return false;
    }
    PLL_CS = 1;
    PLL_FBDIV = 125;
    CLEAR(PLL_PWR) = 1u << 5 | 1u << 0; /* its oscillator, 1500 MHz */
    if (!ink_await(&PLL_CS, 1u << 31, 1u << 31, READY_TRIES)) {
        return false;
    }
    PLL_PRIM = 6u << 16 | 2u << 12;
    CLEAR(PLL_PWR) = 1u << 3;
    return true;
}

/* Set up the clocks, and reset the blocks that are used. After a restart by software, unlike one by the watchdog, the
   system's clock still comes from the PLL and all blocks still work. If crystal or PLL fail, restart the board to try
   again. */
static void clocks_init(void)
{
    CLK_SYS_CTRL = 0; /* the reference clock */
    (void)ink_await(&CLK_SYS_SELECTED, 1u << 0, 1u << 0, READY_TRIES);
    SET(RESETS) = PLL_BLOCK | USED_BLOCKS;
    if (!crystal_start() || !pll_start()) {
        ink_restart();
    }
    CLK_SYS_CTRL = 1; /* the PLL */
    (void)ink_await(&CLK_SYS_SELECTED, 1u << 1, 1u << 1, READY_TRIES);
    CLK_PERI_CTRL = 1u << 11; /* the system's */
    CLEAR(RESETS) = USED_BLOCKS;
    (void)ink_await(&RESET_DONE, USED_BLOCKS, USED_BLOCKS, READY_TRIES);
}

static void uart_init(uint32_t base, uint32_t transmit_pin, unsigned interrupt)
{
    ink_pin(transmit_pin, INK_AS_UART, INK_PAD_USUAL);
    ink_pin(transmit_pin + 1, INK_AS_UART, INK_PAD_PULLED_UP);
    const uint32_t divider_64 = (4 * CLOCK_HZ + BAUD / 2) / BAUD; /* of a sixteenth of the clock, in 1/64 */
    INK_REG(base + 0x24) = divider_64 / 64;
    INK_REG(base + 0x28) = divider_64 % 64;
    INK_REG(base + 0x2C) = 0x70;              /* 8 bits, FIFOs */
    INK_REG(base + 0x34) = 0;                 /* the receive interrupt comes at 4 bytes */
    INK_REG(base + 0x38) = 1u << 4 | 1u << 6; /* receive interrupt; time-out, when fewer wait for 32 bits' time */
    INK_REG(base + 0x30) = 0x301;
    ink_interrupt_enable(interrupt);
}

static void watchdog_init(void)
{
    PSM_WDSEL = 0x1FFFC;                            /* it resets all but the oscillators */
    WATCHDOG_TICK = 1u << 9 | CRYSTAL_HZ / 1000000; /* microseconds of the reference clock */
    ink_watchdog_feed();
    WATCHDOG_CTRL |= 1u << 30; /* on; by default it pauses while a debugger holds the processor */
}

/* The watchdog counts down twice a microsecond (erratum RP2040-E1). */
void ink_watchdog_feed(void)
{
    WATCHDOG_LOAD = 2 * WATCHDOG_US;
}

void ink_board_init(void)
{
    clocks_init();
    ink_systick_start(CLOCK_HZ);
    uart_init(UART0, 0, INK_HOST_INTERRUPT);
    uart_init(UART1, 4, INK_DIGITISER_INTERRUPT);
    ink_camera_pins();
    watchdog_init();
}

/* Move received bytes into an inlet. Bytes without room stay in the FIFO: both interrupts last until it is empty, so
   they come again as soon as the inlet enables them. */
static void take(uint32_t base, struct ink_inlet *inlet)
{
    while ((UART_FR(base) & 1u << 4) == 0 && ink_inlet_ready(inlet)) {
        ink_inlet_put(inlet, (uint8_t)UART_DR(base));
    }
}

void ink_board_interrupt(void)
{
    take(UART0, &ink_host);
    take(UART1, &ink_digitiser);
}

void ink_board_write(const uint8_t *bytes, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        (void)ink_await(&UART_FR(UART0), 1u << 5, 0, READY_TRIES);
        UART_DR(UART0) = bytes[place];
    }
}

/* 1024 looks last for some 500 periods of the ring oscillator, long enough for its jitter to show. */
uint32_t ink_board_entropy(void)
{
    uint32_t bits = ink_milliseconds ^ INK_SYST_CVR << 8;
    for (int place = 0; place < 1024; place++) {
        bits = (bits << 1 | bits >> 31) ^ (ROSC_RANDOMBIT & 1u);
    }
    return bits;
}

/* The boot ROM's functions for the flash, by its two-letter codes. */
typedef void *(*rom_lookup)(uint16_t *table, uint32_t code);
typedef void (*rom_plain)(void);
typedef void (*rom_erase)(uint32_t offset, uint32_t count, uint32_t block, uint32_t command);
typedef void (*rom_program)(uint32_t offset, const uint8_t *bytes, uint32_t count);

/* Read a 16-bit pointer at the beginning of the boot ROM. The assembly hides from the compiler that the address is so
   small, otherwise it would take it for a null pointer. */
static uint16_t rom_pointer(uint32_t place)
{
    __asm volatile("" : "+r"(place));
    return *(const uint16_t *)(uintptr_t)place;
}

/* Return the boot ROM's function of a two-letter code. */
static void *rom_function(char first, char second)
{
    rom_lookup lookup = (rom_lookup)(uintptr_t)rom_pointer(0x18);
    return lookup((uint16_t *)(uintptr_t)rom_pointer(0x14), (uint32_t)((uint8_t)second << 8 | (uint8_t)first));
}

/* Program 64 words, or erase a sector of 4 KiB if `words` is NULL. Nothing can be read from the flash meanwhile, so the
   function runs in RAM and without interrupts. */
__attribute__((section(".fast"), noinline)) static void flash_change(uint32_t offset, const uint32_t *words,
                                                                     const rom_plain steps[4], rom_erase erase,
                                                                     rom_program program)
{
    __asm volatile("cpsid i" ::: "memory");
    steps[0]();
    steps[1]();
    if (words == NULL) {
        erase(offset, 4096, 65536, 0xD8);
    } else {
        program(offset, (const uint8_t *)words, 256);
    }
    steps[2]();
    steps[3]();
    __asm volatile("cpsie i" ::: "memory");
}

static void flash_call(uintptr_t address, const uint32_t *words)
{
    const rom_plain steps[4] = {
        (rom_plain)rom_function('I', 'F'), /* connect the flash */
        (rom_plain)rom_function('E', 'X'), /* leave XIP */
        (rom_plain)rom_function('F', 'C'), /* flush the cache */
        (rom_plain)rom_function('C', 'X'), /* XIP again, with command 03h as in boot2.S */
    };
    flash_change((uint32_t)address - 0x10000000, words, steps, (rom_erase)rom_function('R', 'E'),
                 (rom_program)rom_function('R', 'P'));
}

void ink_flash_erase(uintptr_t address)
{
    flash_call(address, NULL);
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    flash_call(address, words);
}
