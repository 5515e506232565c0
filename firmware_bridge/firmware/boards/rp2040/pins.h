/* Pins of an RP2040: what a pin is used as, and how its pad behaves. */
#ifndef INK_RP2040_PINS_H
#define INK_RP2040_PINS_H

#include "../cortex_m.h"

#define INK_PAD_USUAL 0x56u /* input on, 4 mA, Schmitt trigger, pull-down */
#define INK_PAD_PULLED_UP 0x5Au

enum ink_pin_use { INK_AS_SPI = 1, INK_AS_UART = 2, INK_AS_GPIO = 5 };

/* Set what a pin is used as and how its pad behaves: INK_PAD_USUAL or INK_PAD_PULLED_UP. */
static inline void ink_pin(uint32_t pin, enum ink_pin_use use, uint32_t pad)
{
    INK_REG(0x4001C004 + 4 * pin) = pad;
    INK_REG(0x40014004 + 8 * pin) = (uint32_t)use;
}

/* Set up the camera's pins and SPI (camera.c); the camera itself need not be there. */
void ink_camera_pins(void);

#endif
