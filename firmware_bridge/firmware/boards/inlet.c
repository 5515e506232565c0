/* The inlets from host and digitiser, milliseconds and watchdog -> services that are the same on every board. */
#include "inlet.h"

#include "services.h"

static uint8_t host_bytes[INK_HOST_INLET_BYTES], digitiser_bytes[INK_DIGITISER_INLET_BYTES];

struct ink_inlet ink_host = {host_bytes, INK_HOST_INLET_BYTES - 1, INK_HOST_INTERRUPT, false, 0, 0};
struct ink_inlet ink_digitiser = {digitiser_bytes, INK_DIGITISER_INLET_BYTES - 1, INK_DIGITISER_INTERRUPT, false, 0, 0};

bool ink_inlet_get(struct ink_inlet *inlet, uint8_t *byte)
{
    if (inlet->read == inlet->written) {
        return false;
    }
    *byte = inlet->bytes[inlet->read & inlet->mask];
    inlet->read = (uint16_t)(inlet->read + 1);
    if (inlet->silenced) {
        inlet->silenced = false;
        ink_interrupt_enable(inlet->interrupt);
    }
    return true;
}

bool ink_board_read(uint8_t *byte)
{
    return ink_inlet_get(&ink_host, byte);
}

bool ink_board_digitiser_read(uint8_t *byte)
{
    return ink_inlet_get(&ink_digitiser, byte);
}

uint32_t ink_board_now_ms(void)
{
    return ink_milliseconds;
}

void ink_board_idle(void)
{
    ink_sleep();
    ink_board_alive();
}

void ink_board_alive(void)
{
    static uint32_t alive_ms;
    if (ink_milliseconds != alive_ms) {
        alive_ms = ink_milliseconds;
        ink_watchdog_feed();
    }
}
