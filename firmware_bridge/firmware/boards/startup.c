/* Power-on -> main() with memory set up; a processor fault -> a restart. */
#include "cortex_m.h"

#include "board.h"
#include "services.h"

extern uint32_t ink_data_load[], ink_data_begin[], ink_data_end[], ink_bss_begin[], ink_bss_end[], ink_stack_top[];

int main(void);

typedef void (*ink_handler)(void);

volatile uint32_t ink_milliseconds;

void ink_start(void);

static void fault(void)
{
    ink_restart();
}

static void systick(void)
{
    ink_milliseconds++;
}

static void passed_over(void)
{
}

/* What the processor reads at start: stack, entry, 14 exceptions; then the board's interrupts, all with one handler. */
__attribute__((section(".vectors"), used)) static const ink_handler vectors[16 + INK_BOARD_INTERRUPTS] = {
    (ink_handler)(uintptr_t)ink_stack_top,
    ink_start,
    fault, /* NMI */
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    passed_over, /* SVCall */
    passed_over,
    passed_over,
    passed_over, /* PendSV */
    systick,
    [16 ... 16 + INK_BOARD_INTERRUPTS - 1] = ink_board_interrupt,
};

void ink_start(void)
{
    INK_SCB_VTOR = (uint32_t)(uintptr_t)vectors; /* a Cortex-M0 has no VTOR and ignores this */
    const uint32_t *from = ink_data_load;
    for (uint32_t *to = ink_data_begin; to != ink_data_end; to++, from++) {
        *to = *from;
    }
    for (uint32_t *to = ink_bss_begin; to != ink_bss_end; to++) {
        *to = 0;
    }
    __asm volatile("" ::: "memory");
    (void)main();
    ink_restart();
}
