/* Raspberry Pi Pico (RP2040): what the app and the shared parts are compiled with. */
#ifndef INK_BOARD_H
#define INK_BOARD_H

#define INK_BOARD_INTERRUPTS 32
#define INK_HOST_INTERRUPT 20      /* UART0 */
#define INK_DIGITISER_INTERRUPT 21 /* UART1 */
#define INK_DIGITISER_INLET_BYTES 1024
#define INK_OUTBOX_FRAGMENTS (INK_PIXEL_BITS == 1 ? 256 : 96)

#endif
