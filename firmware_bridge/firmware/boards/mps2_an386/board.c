/* MPS2 with AN386: registers (DAI0386, CMSDK) -> the board's services. Host, digitiser, camera: UART0, UART1, UART2. */
#include "board.h"

#include "../inlet.h"
#include "../services.h"

#define UART0 0x40004000
#define UART1 0x40005000
#define UART2 0x40006000
#define CAMERA_INTERRUPT 4 /* UART2, reception */
#define UART_DATA(base) INK_REG((base) + 0x00)
#define UART_STATE(base) INK_REG((base) + 0x04)
#define UART_CTRL(base) INK_REG((base) + 0x08)
#define UART_INTCLEAR(base) INK_REG((base) + 0x0C)
#define UART_BAUDDIV(base) INK_REG((base) + 0x10)
#define WATCHDOG_LOAD INK_REG(0x40008000)
#define WATCHDOG_CTRL INK_REG(0x40008008)
#define WATCHDOG_INTCLEAR INK_REG(0x4000800C)
#define WATCHDOG_LOCK INK_REG(0x40008C00)
#define STATE_SENDING 1u
#define STATE_RECEIVED 2u

#define CLOCK_HZ 25000000u
#define BAUD 115200u
#define READY_TRIES 100000u
#define ROW_MS 1000

/* The serial camera's bytes. It sends PRESSED when its button is pressed, answers EXPOSE with READY as soon as it has a
   picture, and answers ROW with the picture's next row. */
enum { CAMERA_PRESSED = 0xB0, CAMERA_EXPOSE = 0xE0, CAMERA_READY = 0xE1, CAMERA_ROW = 0xE2 };

static uint8_t camera_bytes[512];
static struct ink_inlet camera = {camera_bytes, sizeof camera_bytes - 1, CAMERA_INTERRUPT, false, 0, 0};

static void uart_init(uint32_t base, unsigned interrupt)
{
    UART_BAUDDIV(base) = CLOCK_HZ / BAUD;
    UART_CTRL(base) = 3u | 8u; /* both directions, interrupt on reception */
    ink_interrupt_enable(interrupt);
}

/* Start the watchdog: after two seconds an NMI, whose handler restarts the board; if that hangs too, a reset after two
   more seconds. */
static void watchdog_init(void)
{
    WATCHDOG_LOCK = 0x1ACCE551;
    WATCHDOG_LOAD = 2 * CLOCK_HZ;
    WATCHDOG_CTRL = 3; /* on, with NMI and reset */
}

void ink_watchdog_feed(void)
{
    WATCHDOG_INTCLEAR = 1; /* it counts from the start again */
}

void ink_board_init(void)
{
    ink_systick_start(CLOCK_HZ);
    uart_init(UART0, INK_HOST_INTERRUPT);
    uart_init(UART1, INK_DIGITISER_INTERRUPT);
    uart_init(UART2, CAMERA_INTERRUPT);
    watchdog_init();
}

static void take(uint32_t base, struct ink_inlet *inlet)
{
    while ((UART_STATE(base) & STATE_RECEIVED) != 0 && ink_inlet_ready(inlet)) {
        UART_INTCLEAR(base) = 2u;
        ink_inlet_put(inlet, (uint8_t)UART_DATA(base));
    }
}

void ink_board_interrupt(void)
{
    take(UART0, &ink_host);
    take(UART1, &ink_digitiser);
    take(UART2, &camera);
}

static void put(uint32_t base, uint8_t byte)
{
    (void)ink_await(&UART_STATE(base), STATE_SENDING, 0, READY_TRIES);
    UART_DATA(base) = byte;
}

void ink_board_write(const uint8_t *bytes, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        put(UART0, bytes[place]);
        ink_board_alive(); /* an emulated line, unlike a real one, stands still while nobody reads it */
    }
}

uint32_t ink_board_entropy(void)
{
    return ink_milliseconds ^ INK_SYST_CVR;
}

void ink_flash_erase(uintptr_t address)
{
    for (uint32_t place = 0; place < 4096; place += 4) {
        INK_REG(address + place) = 0xFFFFFFFF;
    }
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    for (uint32_t place = 0; place < 64; place++) {
        INK_REG(address + 4 * place) &= words[place];
    }
}

static bool camera_said(uint8_t what)
{
    uint8_t said;
    return ink_inlet_get(&camera, &said) && said == what;
}

bool ink_board_camera_pressed(void)
{
    static bool held; /* each PRESSED stands for pressing and letting go */
    held = !held && camera_said(CAMERA_PRESSED);
    return held;
}

void ink_board_camera_start(void)
{
    put(UART2, CAMERA_EXPOSE);
}

bool ink_board_camera_ready(void)
{
    return camera_said(CAMERA_READY);
}

bool ink_board_camera_line(uint8_t *row, uint16_t width)
{
    const uint32_t begin_ms = ink_milliseconds;
    put(UART2, CAMERA_ROW);
    for (uint16_t place = 0; place < width; place++) {
        while (!ink_inlet_get(&camera, &row[place])) {
            if (ink_milliseconds - begin_ms >= ROW_MS) {
                return false;
            }
            ink_sleep();
        }
    }
    return true;
}
