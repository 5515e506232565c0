/* Registers that every Cortex-M has -> milliseconds, interrupts, sleep, restart, waiting for a register. */
#ifndef INK_BOARDS_CORTEX_M_H
#define INK_BOARDS_CORTEX_M_H

#include <stdint.h>

#define INK_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define INK_SYST_CSR INK_REG(0xE000E010)
#define INK_SYST_RVR INK_REG(0xE000E014)
#define INK_SYST_CVR INK_REG(0xE000E018)
#define INK_NVIC_ISER(bank) INK_REG(0xE000E100 + 4 * (bank))
#define INK_NVIC_ICER(bank) INK_REG(0xE000E180 + 4 * (bank))
#define INK_SCB_VTOR INK_REG(0xE000ED08)
#define INK_SCB_AIRCR INK_REG(0xE000ED0C)

/* Milliseconds since start; counted by SysTick's interrupt (startup.c) or by the board's own timer. */
extern volatile uint32_t ink_milliseconds;

/* Start SysTick, which counts milliseconds of the processor's clock. */
static inline void ink_systick_start(uint32_t clock_hz)
{
    INK_SYST_RVR = clock_hz / 1000 - 1;
    INK_SYST_CVR = 0;
    INK_SYST_CSR = 7; /* processor clock, interrupt, on */
}

/* Let a peripheral's interrupt through to the processor. */
static inline void ink_interrupt_enable(unsigned number)
{
    INK_NVIC_ISER(number / 32) = (uint32_t)1 << (number % 32);
}

/* Keep a peripheral's interrupt from the processor, from the return of this function on. */
static inline void ink_interrupt_disable(unsigned number)
{
    INK_NVIC_ICER(number / 32) = (uint32_t)1 << (number % 32);
    __asm volatile("dsb\n isb" ::: "memory");
}

/* Sleep until the next interrupt, which SysTick or the board's timer brings within a millisecond. */
static inline void ink_sleep(void)
{
    __asm volatile("wfi" ::: "memory");
}

/* Restart the board, as from power-on. Does not return. */
static inline void ink_restart(void)
{
    __asm volatile("dsb" ::: "memory");
    INK_SCB_AIRCR = 0x05FA0004; /* key, SYSRESETREQ */
    for (;;) {
    }
}

/* Wait until (*reg & mask) == value. Return 1, or 0 after `tries` looks, which is more than a working part needs. */
static inline int ink_await(const volatile uint32_t *reg, uint32_t mask, uint32_t value, uint32_t tries)
{
    while (tries-- > 0) {
        if ((*reg & mask) == value) {
            return 1;
        }
    }
    return 0;
}

#endif
