/* STM32F405: what the app and the shared parts are compiled with. */
#ifndef INK_BOARD_H
#define INK_BOARD_H

#define INK_BOARD_INTERRUPTS 82
#define INK_HOST_INTERRUPT 37 /* USART1 */
#define INK_DIGITISER_INTERRUPT 38 /* USART2 */
#define INK_DIGITISER_INLET_BYTES 1024 /* 1.28 s of writing at 100 Hz */
#define INK_OUTBOX_FRAGMENTS (INK_PIXEL_BITS == 1 ? 256 : 96)

#endif
