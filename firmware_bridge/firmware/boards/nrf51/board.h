/* BBC micro:bit, nRF51822 (Cortex-M0, 16 KiB of RAM): what the app and the shared parts are compiled with. */
#ifndef INK_BOARD_H
#define INK_BOARD_H

#define INK_BOARD_NAME "nrf51"
#define INK_BOARD_INTERRUPTS 32
#define INK_HOST_INTERRUPT 2      /* UART0 */
#define INK_DIGITISER_INTERRUPT 4 /* SPIS1 */
#define INK_DIGITISER_INLET_BYTES 256
#define INK_OUTBOX_FRAGMENTS 26
#define INK_STORE_TOTAL_BYTES (2 * 1024) /* as in link.ld; erased in two halves */

#endif
