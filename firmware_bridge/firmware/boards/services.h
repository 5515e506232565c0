/* What every board offers to an app: line to the host, digitiser, camera, store, random bits, time. */
#ifndef INK_BOARDS_SERVICES_H
#define INK_BOARDS_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set up clocks, pins, the lines to host (115200 baud, 8N1) and digitiser, interrupts and watchdog. Call it first. */
void ink_board_init(void);

/* Return the milliseconds since start, which wrap after 49 days. */
uint32_t ink_board_now_ms(void);

/* Take the next byte from the host. Return false if there is none now. */
bool ink_board_read(uint8_t *byte);

/* Send `count` bytes to the host. It returns when the last one is in the UART; bytes that arrive meanwhile are kept. */
void ink_board_write(const uint8_t *bytes, size_t count);

/* Take the next byte from the digitiser (boards/digitiser.h). Return false if there is none now. */
bool ink_board_digitiser_read(uint8_t *byte);

/* Sleep until something may have happened, a millisecond at most, and say that the main loop is alive. */
void ink_board_idle(void);

/* Say that the main loop is alive. If it is not said for some seconds, or if ink_board_now_ms stands still for as long,
   the watchdog restarts the board. */
void ink_board_alive(void);

/* Return 32 random bits, good enough to tell two boards apart; not for keys. */
uint32_t ink_board_entropy(void);

/* Copy the bytes that were stored last. Return false if nothing was ever stored, or not just `count` bytes. */
bool ink_board_store_read(void *into, size_t count);

/* Store up to INK_STORE_BYTES bytes. A power cut leaves these bytes or those that were stored before.
   Return false if they are too many or could not be read back. */
bool ink_board_store_write(const void *from, size_t count);

#define INK_STORE_BYTES 240

/* Return the number that tells this board from others of its model. It is drawn at random at the first write into the
   store; 0 before. */
uint32_t ink_board_number(void);

/* Return INK_VERSION; if the program lies in an image with a header, with '+' and the first 8 hexadecimal digits of the
   image's SHA-256 behind it. The text is constant. */
const char *ink_board_firmware(void);

/* Serve the interrupts of all peripherals. */
void ink_board_interrupt(void);

/* Begin the watchdog's time anew. For ink_board_alive, and before what takes long. */
void ink_watchdog_feed(void);

/* Erase the half of the store that begins at `address`. For store.c. */
void ink_flash_erase(uintptr_t address);

/* Program 64 words, which must be erased, from `address` on. For store.c. */
void ink_flash_program(uintptr_t address, const uint32_t *words);

/* The camera, on boards that have one. */

/* Return whether the writer presses the button. */
bool ink_board_camera_pressed(void);

/* Expose a picture, after setting the camera up if that was not done before or if the last picture failed. */
void ink_board_camera_start(void);

/* Return whether the picture waits in the camera. Call it until it does: it carries set-up and exposure on. */
bool ink_board_camera_ready(void);

/* Read the picture's next row, from the top: `width` grey bytes, a multiple of 16, 0 for black.
   Return false if the camera has failed. */
bool ink_board_camera_line(uint8_t *row, uint16_t width);

#define INK_CAMERA_WIDTH 320
#define INK_CAMERA_HEIGHT 240

#endif
