/* STM32F405: registers (RM0090) -> the board's services. Host on USART1 (PA9, PA10), digitiser on USART2 (PA2, PA3). */
#include "board.h"

#include "../inlet.h"
#include "../services.h"

#define RCC 0x40023800
#define RCC_CR INK_REG(RCC + 0x00)
#define RCC_PLLCFGR INK_REG(RCC + 0x04)
#define RCC_CFGR INK_REG(RCC + 0x08)
#define RCC_AHB1ENR INK_REG(RCC + 0x30)
#define RCC_AHB2ENR INK_REG(RCC + 0x34)
#define RCC_APB1ENR INK_REG(RCC + 0x40)
#define RCC_APB2ENR INK_REG(RCC + 0x44)
#define GPIOA_MODER INK_REG(0x40020000)
#define GPIOA_PUPDR INK_REG(0x4002000C)
#define GPIOA_AFRL INK_REG(0x40020020)
#define GPIOA_AFRH INK_REG(0x40020024)
#define FLASH_ACR INK_REG(0x40023C00)
#define FLASH_KEYR INK_REG(0x40023C04)
#define FLASH_SR INK_REG(0x40023C0C)
#define FLASH_CR INK_REG(0x40023C10)
#define RNG_CR INK_REG(0x50060800)
#define RNG_SR INK_REG(0x50060804)
#define RNG_DR INK_REG(0x50060808)
#define IWDG_KR INK_REG(0x40003000)
#define IWDG_PR INK_REG(0x40003004)
#define IWDG_RLR INK_REG(0x40003008)
#define IWDG_SR INK_REG(0x4000300C)
#define DBGMCU_APB1_FZ INK_REG(0xE0042008)
#define USART1 0x40011000
#define USART2 0x40004400
#define USART_SR(base) INK_REG((base) + 0x00)
#define USART_DR(base) INK_REG((base) + 0x04)
#define USART_BRR(base) INK_REG((base) + 0x08)
#define USART_CR1(base) INK_REG((base) + 0x0C)
#define USART_RECEIVED (1u << 5)
#define USART_LOST (1u << 3)

#define CLOCK_HZ 168000000u
#define APB2_HZ (CLOCK_HZ / 2)
#define APB1_HZ (CLOCK_HZ / 4)
#define BAUD 115200u
#define READY_TRIES 100000u
#define FLASH_BUSY (1u << 16)
#define RNG_READY 1u
#define RNG_ERRORS 6u

/* Run at 168 MHz: the internal oscillator's 16 MHz * 21 / 2. Crystals differ from board to board, so none is used. */
static void clocks_init(void)
{
    FLASH_ACR = 0x305; /* 5 wait states, prefetch, instruction cache; the data cache would hide what was programmed */
    (void)ink_await(&FLASH_ACR, 7, 5, READY_TRIES);
    RCC_PLLCFGR = (RCC_PLLCFGR & 0xF0000000) | 7u << 24 | 336u << 6 | 16u; /* /16, *336, /2; /7: 48 MHz for the RNG */
    RCC_CR |= 1u << 24;
    (void)ink_await(&RCC_CR, 1u << 25, 1u << 25, READY_TRIES);
    RCC_CFGR = 5u << 10 | 4u << 13; /* APB1 / 4, APB2 / 2, before the clock gets too fast for them */
    RCC_CFGR |= 2u;                 /* the PLL */
    (void)ink_await(&RCC_CFGR, 3u << 2, 2u << 2, READY_TRIES);
    RCC_AHB1ENR |= 1u << 0;  /* GPIOA */
    RCC_AHB2ENR |= 1u << 6;  /* RNG */
    RCC_APB1ENR |= 1u << 17; /* USART2 */
    RCC_APB2ENR |= 1u << 4;  /* USART1 */
    RNG_CR = 1u << 2;
}

static void pins_init(void)
{
    GPIOA_AFRL = (GPIOA_AFRL & ~0xFF00u) | 0x7700u;
    GPIOA_AFRH = (GPIOA_AFRH & ~0x0FF0u) | 0x0770u;
    GPIOA_PUPDR = (GPIOA_PUPDR & ~0x003C00F0u) | 0x00140050u; /* pull-ups keep a loose cable silent */
    GPIOA_MODER = (GPIOA_MODER & ~0x003C00F0u) | 0x002800A0u;
}

static void usart_init(uint32_t base, uint32_t clock_hz, unsigned interrupt)
{
    USART_BRR(base) = (clock_hz + BAUD / 2) / BAUD;
    USART_CR1(base) = 1u << 13 | 1u << 5 | 1u << 3 | 1u << 2; /* on, interrupt on reception, both directions */
    ink_interrupt_enable(interrupt);
}

/* Start the watchdog. It bites after 1,750 / 500 Hz = 3.5 s; 6.6 s with the slowest oscillator, 2.4 s with the fastest.
   That is longer than it takes to erase a sector, 2 s at most, during which the processor stands still. */
static void watchdog_init(void)
{
    DBGMCU_APB1_FZ |= 1u << 12; /* it pauses while a debugger holds the processor */
    IWDG_KR = 0xCCCC;           /* on; nothing turns it off */
    IWDG_KR = 0x5555;
    IWDG_PR = 4; /* 32 kHz / 64 */
    IWDG_RLR = 1749;
    (void)ink_await(&IWDG_SR, 3, 0, READY_TRIES);
    ink_watchdog_feed();
}

void ink_watchdog_feed(void)
{
    IWDG_KR = 0xAAAA;
}

void ink_board_init(void)
{
    clocks_init();
    pins_init();
    ink_systick_start(CLOCK_HZ);
    usart_init(USART1, APB2_HZ, INK_HOST_INTERRUPT);
    usart_init(USART2, APB1_HZ, INK_DIGITISER_INTERRUPT);
    watchdog_init();
}

/* Move received bytes into an inlet. A lost byte interrupts too, even if there is none to take, until the data register
   is read. */
static void take(uint32_t base, struct ink_inlet *inlet)
{
    for (uint32_t state = USART_SR(base); (state & (USART_RECEIVED | USART_LOST)) != 0; state = USART_SR(base)) {
        if (!ink_inlet_ready(inlet)) {
            return;
        }
        const uint8_t byte = (uint8_t)USART_DR(base);
        if ((state & USART_RECEIVED) != 0) {
            ink_inlet_put(inlet, byte);
        }
    }
}

void ink_board_interrupt(void)
{
    take(USART1, &ink_host);
    take(USART2, &ink_digitiser);
}

void ink_board_write(const uint8_t *bytes, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        (void)ink_await(&USART_SR(USART1), 1u << 7, 1u << 7, READY_TRIES);
        USART_DR(USART1) = bytes[place];
    }
}

/* Take the RNG's next number. Return false if the RNG has failed. */
static bool draw(uint32_t *number)
{
    if (!ink_await(&RNG_SR, RNG_READY | RNG_ERRORS, RNG_READY, READY_TRIES)) {
        return false;
    }
    *number = RNG_DR;
    return true;
}

/* The RNG's first number is not used but compared with the next one (RM0090, 24.3.1). If the RNG has failed, the time
   since start must do. */
uint32_t ink_board_entropy(void)
{
    uint32_t first = 0, second = 0;
    const bool drawn = draw(&first) && draw(&second) && first != second;
    return drawn ? second : ink_milliseconds ^ INK_SYST_CVR;
}

static void flash_settle(void)
{
    while ((FLASH_SR & FLASH_BUSY) != 0) {
    }
}

static void flash_open(uint32_t what)
{
    flash_settle();
    FLASH_KEYR = 0x45670123;
    FLASH_KEYR = 0xCDEF89AB;
    FLASH_SR = 0xF3; /* clear earlier errors */
    FLASH_CR = 2u << 8 | what; /* 32 bits at a time */
}

static void flash_close(void)
{
    flash_settle();
    FLASH_CR = 1u << 31;
}

void ink_flash_erase(uintptr_t address)
{
    const uint32_t sector = 5 + ((uint32_t)address - 0x08020000) / 0x20000;
    ink_watchdog_feed();
    flash_open(sector << 3 | 1u << 1);
    FLASH_CR |= 1u << 16;
    flash_close();
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    flash_open(1u);
    for (uint32_t place = 0; place < 64; place++) {
        INK_REG(address + 4 * place) = words[place];
        flash_settle();
    }
    flash_close();
}
