/* BBC micro:bit, nRF51822 (Cortex-M0, 16 KiB of RAM): what the app and the shared parts are compiled with. */
#ifndef INK_BOARD_H
#define INK_BOARD_H

#define INK_BOARD_INTERRUPTS 32
#define INK_HOST_INTERRUPT 2      /* UART0 */
#define INK_DIGITISER_INTERRUPT 4 /* SPIS1 */
#define INK_DIGITISER_INLET_BYTES 256
#define INK_OUTBOX_FRAGMENTS 26

#endif
