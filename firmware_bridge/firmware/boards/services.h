/* What every board offers to an app: line to the host, digitiser, camera, store, chance, time. */
#ifndef INK_BOARDS_SERVICES_H
#define INK_BOARDS_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Clocks, pins, both UARTs at 115200 baud 8N1, interrupts and watchdog on. To be called first. */
void ink_board_init(void);

/* Milliseconds since start; wraps after 49 days. */
uint32_t ink_board_now_ms(void);

/* The next byte from the host; false: none now. */
bool ink_board_read(uint8_t *byte);

/* All bytes to the host; returns when the last one is in the UART. Bytes that arrive meanwhile are kept. */
void ink_board_write(const uint8_t *bytes, size_t count);

/* The next byte from the digitiser (boards/digitiser.h); false: none now. */
bool ink_board_digitiser_read(uint8_t *byte);

/* Sleep until something may have happened, a millisecond at most. */
void ink_board_idle(void);

/* The main loop lives. A board whose main loop, or whose clock, stands still for some seconds is restarted by its
   watchdog; idling, and serving the host, tell it that they do not. */
void ink_board_alive(void);

/* 32 bits from the part's source of chance, good enough to tell two starts apart; not for keys. */
uint32_t ink_board_entropy(void);

/* The bytes stored last; false: nothing was ever stored, or not so many bytes. */
bool ink_board_store_read(void *into, size_t count);

/* Store up to INK_STORE_BYTES bytes so that they outlive a power cut, which leaves either these or those before them.
   False: they could not be read back. */
bool ink_board_store_write(const void *from, size_t count);

#define INK_STORE_BYTES 240

/* Tells this board from all others of its model; it came to be with the first write into the store. */
uint32_t ink_board_number(void);

/* INK_VERSION; if the program lies in an image with a header, '+' and the first 8 hexadecimal digits of its SHA-256 behind it. */
const char *ink_board_firmware(void);

/* Interrupts of all peripherals end here. */
void ink_board_interrupt(void);

/* For ink_board_alive: begin the watchdog's time anew. */
void ink_watchdog_feed(void);

/* For store.c: the erasable half of the store that begins at `address`; 256 bytes of it. Words must be erased before. */
void ink_flash_erase(uintptr_t address);
void ink_flash_program(uintptr_t address, const uint32_t *words);

/* For the camera app, on boards that have one: whether the writer presses the button; expose, after setting the camera up if
   that was not done or failed; whether the picture waits in the camera, to be asked until it does; its next row of `width`
   grey bytes, a multiple of 16, 0 black, from the top. False of `line`: the camera has failed. */
bool ink_board_camera_pressed(void);
void ink_board_camera_start(void);
bool ink_board_camera_ready(void);
bool ink_board_camera_line(uint8_t *row, uint16_t width);

#define INK_CAMERA_WIDTH 320
#define INK_CAMERA_HEIGHT 240

#endif
