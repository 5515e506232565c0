/* Arducam Mega (B0400 of 3, B0401 of 5 megapixels, and their successors) on SPI0 -> pictures of 320x240, grey.

   camera  VCC   GND   SCK    MISO   MOSI   CS      button
   Pico    3V3   GND   GP18   GP16   GP19   GP17    GP15 to GND

To write a register, send its address | WRITE and the value. To read one, send its address and a dummy byte; then the
value comes. A register of the sensor takes time to be set, and until STATE is idle no other one may be written.
The camera has no grey format: of the bytes Y U Y V that it sends, every second one is the grey of a pixel. */
#include "../services.h"
#include "pins.h"

#define SIO_IN INK_REG(0xD0000004)
#define SIO_OUT_SET INK_REG(0xD0000014)
#define SIO_OUT_CLR INK_REG(0xD0000018)
#define SIO_OE_SET INK_REG(0xD0000024)
#define SPI0 0x4003C000
#define SPI_CR0 INK_REG(SPI0 + 0x00)
#define SPI_CR1 INK_REG(SPI0 + 0x04)
#define SPI_DR INK_REG(SPI0 + 0x08)
#define SPI_SR INK_REG(SPI0 + 0x0C)
#define SPI_CPSR INK_REG(SPI0 + 0x10)
#define SPI_8_BITS 7u
#define SPI_16_BITS 15u
#define SPI_RECEIVED (1u << 2)
#define SPI_BUSY (1u << 4)
#define SPI_FIFO 8
#define SPI_TRIES 10000u

enum { BUTTON_PIN = 15, IN_PIN = 16, SELECT_PIN = 17, CLOCK_PIN = 18, OUT_PIN = 19 };

enum { FIFO = 0x04, RESET = 0x07, DEVICE = 0x0A, FORMAT = 0x20, SIZE = 0x21, BURST = 0x3C, SENSOR = 0x40, STATE = 0x44 };
enum { LENGTH = 0x45, WRITE = 0x80 };
enum { FIFO_CLEAR = 0x01, FIFO_START = 0x02, RESET_ALL = 0x40, DEVICE_ADDRESS = 0x78, FORMAT_YUV = 0x03 };
enum { STATE_MASK = 0x03, STATE_IDLE = 0x02, STATE_DONE = 0x04 };
enum { SENSOR_FIRST = 0x81, SENSOR_SECOND_KIND = 0x85, SENSOR_LAST = 0x87 };
enum { SIZE_320X240 = 0x03, SIZE_320X240_FIRST_KIND = 0x01 };

#define PICTURE_BYTES (2u * INK_CAMERA_WIDTH * INK_CAMERA_HEIGHT)
#define SETTLE_MS 500 /* after a reset the exposure takes this time to fit the light */

/* What the camera is doing. If it is not IDLE when a picture is wanted, the last picture failed: it is set up anew. */
static enum { UNKNOWN, RESETTING, SETTING, SETTLING, EXPOSING, READING, IDLE } doing;
static uint8_t sensor;   /* the sensor's kind */
static uint8_t settings; /* registers that are set so far */
static uint16_t rows;    /* of the picture that are read so far */
static uint32_t set_ms;

void ink_camera_pins(void)
{
    ink_pin(IN_PIN, INK_AS_SPI, INK_PAD_USUAL);
    ink_pin(CLOCK_PIN, INK_AS_SPI, INK_PAD_USUAL);
    ink_pin(OUT_PIN, INK_AS_SPI, INK_PAD_USUAL);
    SIO_OUT_SET = 1u << SELECT_PIN;
    SIO_OE_SET = 1u << SELECT_PIN;
    ink_pin(SELECT_PIN, INK_AS_GPIO, INK_PAD_USUAL);
    ink_pin(BUTTON_PIN, INK_AS_GPIO, INK_PAD_PULLED_UP);
    SPI_CPSR = 16; /* 125 MHz / 16 = 7.8 MHz; the camera takes up to 8 */
    SPI_CR0 = SPI_8_BITS; /* mode 0 */
    SPI_CR1 = 2;
}

static uint8_t exchange(uint8_t byte)
{
    SPI_DR = byte;
    (void)ink_await(&SPI_SR, SPI_RECEIVED, SPI_RECEIVED, SPI_TRIES);
    return (uint8_t)SPI_DR;
}

static void put(uint8_t address, uint8_t value)
{
    SIO_OUT_CLR = 1u << SELECT_PIN;
    (void)exchange(address | WRITE);
    (void)exchange(value);
    SIO_OUT_SET = 1u << SELECT_PIN;
}

static uint8_t get(uint8_t address)
{
    SIO_OUT_CLR = 1u << SELECT_PIN;
    (void)exchange(address);
    (void)exchange(0);
    const uint8_t value = exchange(0);
    SIO_OUT_SET = 1u << SELECT_PIN;
    return value;
}

static void expose(void)
{
    put(FIFO, FIFO_CLEAR);
    put(FIFO, FIFO_START);
    doing = EXPOSING;
}

/* Set the next register; after the last one let the exposure settle. */
static void set_up(void)
{
    const uint8_t size = sensor < SENSOR_SECOND_KIND ? SIZE_320X240_FIRST_KIND : SIZE_320X240;
    const uint8_t list[][2] = {{DEVICE, DEVICE_ADDRESS}, {FORMAT, FORMAT_YUV}, {SIZE, size}};
    if (settings < sizeof list / sizeof list[0]) {
        put(list[settings][0], list[settings][1]);
        settings++;
    } else {
        doing = SETTLING;
        set_ms = ink_board_now_ms();
    }
}

/* Return whether a whole picture of the size that was asked for waits; a few bytes more do no harm. */
static bool complete(void)
{
    const uint32_t bytes = get(LENGTH) | (uint32_t)get(LENGTH + 1) << 8 | (uint32_t)get(LENGTH + 2) << 16;
    return bytes - PICTURE_BYTES < INK_CAMERA_WIDTH;
}

bool ink_board_camera_pressed(void)
{
    return (SIO_IN >> BUTTON_PIN & 1u) == 0;
}

void ink_board_camera_start(void)
{
    rows = 0;
    if (doing == IDLE) {
        expose();
    } else {
        put(RESET, RESET_ALL);
        doing = RESETTING;
    }
}

bool ink_board_camera_ready(void)
{
    const uint8_t state = get(STATE);
    const bool idle = (state & STATE_MASK) == STATE_IDLE;
    if (doing == RESETTING && idle) {
        sensor = get(SENSOR);
        settings = 0;
        doing = sensor >= SENSOR_FIRST && sensor <= SENSOR_LAST ? SETTING : UNKNOWN;
    } else if (doing == SETTING && idle) {
        set_up();
    } else if (doing == SETTLING && ink_board_now_ms() - set_ms >= SETTLE_MS) {
        expose();
    } else if (doing == EXPOSING && (state & STATE_DONE) != 0) {
        doing = complete() ? READING : UNKNOWN;
    }
    return doing == READING;
}

/* Read as many pixels as the SPI's FIFOs hold, of 16 bits each, whose first byte is the grey. Return false if the SPI
   does not end. */
static bool read_some(uint8_t *row)
{
    for (int pixel = 0; pixel < SPI_FIFO; pixel++) {
        SPI_DR = 0;
    }
    if (!ink_await(&SPI_SR, SPI_BUSY, 0, SPI_TRIES)) {
        return false;
    }
    for (int pixel = 0; pixel < SPI_FIFO; pixel++) {
        row[pixel] = (uint8_t)(SPI_DR >> 8);
    }
    return true;
}

/* The camera goes on where the last row ended. Before the first row it sends a dummy byte. */
bool ink_board_camera_line(uint8_t *row, uint16_t width)
{
    bool read = doing == READING;
    SIO_OUT_CLR = 1u << SELECT_PIN;
    (void)exchange(BURST);
    if (rows == 0) {
        (void)exchange(0);
    }
    SPI_CR0 = SPI_16_BITS;
    for (uint16_t place = 0; place < width && read; place = (uint16_t)(place + SPI_FIFO)) {
        read = read_some(row + place);
    }
    SPI_CR0 = SPI_8_BITS;
    SIO_OUT_SET = 1u << SELECT_PIN;
    rows++;
    if (read && rows == INK_CAMERA_HEIGHT) {
        read = get(SENSOR) == sensor; /* otherwise it was gone before the last row */
        doing = read ? IDLE : UNKNOWN;
    }
    return read;
}
