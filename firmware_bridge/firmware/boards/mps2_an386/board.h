/* MPS2 with AN386 (DAI0386), used in an emulator only: what the app and the shared parts are compiled with. */
#ifndef INK_BOARD_H
#define INK_BOARD_H

#define INK_BOARD_INTERRUPTS 32
#define INK_HOST_INTERRUPT 0      /* UART0, reception */
#define INK_DIGITISER_INTERRUPT 2 /* UART1, reception */
#define INK_DIGITISER_INLET_BYTES 1024
#define INK_OUTBOX_FRAGMENTS 256

#endif
