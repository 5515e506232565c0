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
#define USART1 0x40011000
#define USART2 0x40004400
#define USART_SR(base) INK_REG((base) + 0x00)
#define USART_DR(base) INK_REG((base) + 0x04)
#define USART_BRR(base) INK_REG((base) + 0x08)
#define USART_CR1(base) INK_REG((base) + 0x0C)

#define CLOCK_HZ 168000000u
#define APB2_HZ (CLOCK_HZ / 2)
#define APB1_HZ (CLOCK_HZ / 4)
#define BAUD 115200u
#define READY_TRIES 100000u

/* The internal 16 MHz oscillator times 21 / 2: no board need have the same crystal. */
static void clocks_init(void)
{
    FLASH_ACR = 0x305; /* 5 wait states, prefetch, instruction cache; the data cache would hide what was programmed */
    RCC_PLLCFGR = 16u | 336u << 6 | 7u << 24; /* /16, *336, /2, from the internal oscillator; 48 MHz for the RNG */
    RCC_CR |= 1u << 24;
    (void)ink_await(&RCC_CR, 1u << 25, 1u << 25, READY_TRIES);
    RCC_CFGR = 5u << 10 | 4u << 13 | 2u; /* APB1 / 4, APB2 / 2, the PLL */
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
    GPIOA_PUPDR = (GPIOA_PUPDR & ~0x003C00F0u) | 0x00140050u; /* pull-ups: a cable that hangs loose is silent */
    GPIOA_MODER = (GPIOA_MODER & ~0x003C00F0u) | 0x002800A0u;
}

static void usart_init(uint32_t base, uint32_t clock_hz, unsigned interrupt)
{
    USART_BRR(base) = (clock_hz + BAUD / 2) / BAUD;
    USART_CR1(base) = 1u << 13 | 1u << 5 | 1u << 3 | 1u << 2; /* on, interrupt on reception, both directions */
    ink_interrupt_enable(interrupt);
}

void ink_board_init(void)
{
    clocks_init();
    pins_init();
    ink_systick_start(CLOCK_HZ);
    usart_init(USART1, APB2_HZ, INK_HOST_INTERRUPT);
    usart_init(USART2, APB1_HZ, INK_DIGITISER_INTERRUPT);
}

static void take(uint32_t base, struct ink_inlet *inlet)
{
    while ((USART_SR(base) & 1u << 5) != 0 && ink_inlet_ready(inlet)) {
        ink_inlet_put(inlet, (uint8_t)USART_DR(base));
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

uint32_t ink_board_entropy(void)
{
    return ink_await(&RNG_SR, 1u, 1u, READY_TRIES) ? RNG_DR : ink_milliseconds ^ INK_SYST_CVR;
}

static void flash_open(void)
{
    FLASH_KEYR = 0x45670123;
    FLASH_KEYR = 0xCDEF89AB;
    FLASH_SR = 0xF3; /* errors of before */
}

static void flash_settle(void)
{
    while ((FLASH_SR & 1u << 16) != 0) {
    }
    FLASH_CR = 1u << 31;
}

void ink_flash_erase(uintptr_t address)
{
    const uint32_t sector = 5 + ((uint32_t)address - 0x08020000) / 0x20000;
    flash_open();
    FLASH_CR = 2u << 8 | sector << 3 | 1u << 1;
    FLASH_CR |= 1u << 16;
    flash_settle();
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    flash_open();
    FLASH_CR = 2u << 8 | 1u;
    for (uint32_t place = 0; place < 64; place++) {
        INK_REG(address + 4 * place) = words[place];
        while ((FLASH_SR & 1u << 16) != 0) {
        }
    }
    flash_settle();
}
