/* nRF51822: registers (nRF51 reference manual) -> the board's services. Host on the UART (P0.24, P0.25).

The part has only one UART, so the digitiser is connected by SPI. It is the master and sends a packet in a transaction,
on the edge connector's SPI pins (SCK P0.23, MOSI P0.21, chip select P0.16). */
#include "board.h"

#include "../digitiser.h"
#include "../inlet.h"
#include "../services.h"

#define TASK(base, place) INK_REG((base) + 4 * (place))
#define EVENT(base, place) INK_REG((base) + 0x100 + 4 * (place))
#define CLOCK 0x40000000
#define UART 0x40002000
#define UART_ENABLE INK_REG(UART + 0x500)
#define UART_PSELTXD INK_REG(UART + 0x50C)
#define UART_PSELRXD INK_REG(UART + 0x514)
#define UART_RXD INK_REG(UART + 0x518)
#define UART_TXD INK_REG(UART + 0x51C)
#define UART_BAUDRATE INK_REG(UART + 0x524)
#define SPIS 0x40004000
#define TIMER 0x40008000
#define RNG 0x4000D000
#define WDT 0x40010000
#define NVMC 0x4001E000
#define NVMC_READY INK_REG(NVMC + 0x400)
#define NVMC_CONFIG INK_REG(NVMC + 0x504)
#define NVMC_ERASEPAGE INK_REG(NVMC + 0x508)
#define GPIO_IN INK_REG(0x50000510)
#define GPIO_PIN_CNF(pin) INK_REG(0x50000700 + 4 * (pin))
#define INTENSET(base) INK_REG((base) + 0x304)
#define SHORTS(base) INK_REG((base) + 0x200)

#define TX_PIN 24
#define RX_PIN 25
#define SCK_PIN 23
#define MOSI_PIN 21
#define SELECT_PIN 16
#define TIMER_INTERRUPT 8
#define READY_TRIES 100000u

/* The digitiser's packet, filled by the SPI slave's DMA. */
uint8_t ink_spis_packet[INK_DIGITISER_PACKET_BYTES];

static bool selected, sending;

static void timer_init(void)
{
    INK_REG(TIMER + 0x508) = 3;    /* 32 bits */
    INK_REG(TIMER + 0x510) = 4;    /* 16 MHz / 2^4 */
    INK_REG(TIMER + 0x540) = 1000; /* compare 0 comes after a millisecond */
    SHORTS(TIMER) = 1;             /* compare 0 clears the timer */
    INTENSET(TIMER) = 1u << 16;
    TASK(TIMER, 0) = 1;
    ink_interrupt_enable(TIMER_INTERRUPT);
}

static void uart_init(void)
{
    UART_PSELTXD = TX_PIN;
    UART_PSELRXD = RX_PIN;
    UART_BAUDRATE = 0x01D7E000; /* 115200 */
    UART_ENABLE = 4;
    TASK(UART, 0) = 1; /* receive */
    TASK(UART, 2) = 1; /* send */
    INTENSET(UART) = 1u << 2;
    ink_interrupt_enable(INK_HOST_INTERRUPT);
}

static void spis_init(void)
{
    INK_REG(SPIS + 0x508) = SCK_PIN;
    INK_REG(SPIS + 0x50C) = 0xFFFFFFFF; /* no MISO: the slave sends nothing */
    INK_REG(SPIS + 0x510) = MOSI_PIN;
    INK_REG(SPIS + 0x514) = SELECT_PIN;
    INK_REG(SPIS + 0x534) = (uint32_t)(uintptr_t)ink_spis_packet;
    INK_REG(SPIS + 0x538) = sizeof ink_spis_packet;
    INK_REG(SPIS + 0x554) = 0; /* mode 0, most significant bit first */
    INK_REG(SPIS + 0x500) = 2;
    SHORTS(SPIS) = 1u << 2; /* at a packet's end the DMA gives the memory back */
    TASK(SPIS, 10) = 1;     /* give the memory to the DMA */
    GPIO_PIN_CNF(SELECT_PIN) = 3u << 2;
}

/* Start the watchdog, which bites after two seconds. It pauses while a debugger holds the processor, but not while the
   processor sleeps. */
static void watchdog_init(void)
{
    INK_REG(WDT + 0x504) = 2 * 32768 - 1;
    INK_REG(WDT + 0x50C) = 1;
    TASK(WDT, 0) = 1;
}

void ink_watchdog_feed(void)
{
    INK_REG(WDT + 0x600) = 0x6E524635;
}

void ink_board_init(void)
{
    TASK(CLOCK, 0) = 1; /* the crystal: the UART needs it */
    (void)ink_await(&EVENT(CLOCK, 0), 1, 1, READY_TRIES);
    timer_init();
    uart_init();
    spis_init();
    TASK(RNG, 0) = 1;
    watchdog_init();
}

/* Take a packet, which the chip select's rising edge ends. Looking once a millisecond is enough: even at 400 Hz packets
   come only every 2.5 ms. */
static void look_for_packet(void)
{
    const bool now = (GPIO_IN >> SELECT_PIN & 1u) == 0;
    if (selected && !now) {
        for (unsigned place = 0; place < sizeof ink_spis_packet && ink_inlet_ready(&ink_digitiser); place++) {
            ink_inlet_put(&ink_digitiser, ink_spis_packet[place]);
        }
        TASK(SPIS, 10) = 1;
    }
    selected = now;
}

void ink_board_interrupt(void)
{
    while (EVENT(UART, 2) != 0 && ink_inlet_ready(&ink_host)) {
        EVENT(UART, 2) = 0;
        ink_inlet_put(&ink_host, (uint8_t)UART_RXD);
    }
    if (EVENT(TIMER, 16) != 0) {
        EVENT(TIMER, 16) = 0;
        ink_milliseconds++;
        look_for_packet();
    }
}

void ink_board_write(const uint8_t *bytes, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        if (sending) { /* before the first byte there is no event to wait for */
            (void)ink_await(&EVENT(UART, 7), 1, 1, READY_TRIES);
        }
        EVENT(UART, 7) = 0;
        sending = true;
        UART_TXD = bytes[place];
    }
}

uint32_t ink_board_entropy(void)
{
    uint32_t bits = 0;
    for (int place = 0; place < 4; place++) {
        (void)ink_await(&EVENT(RNG, 0), 1, 1, READY_TRIES);
        EVENT(RNG, 0) = 0;
        bits = bits << 8 | (INK_REG(RNG + 0x508) & 0xFF);
    }
    return bits;
}

static void nvmc_settle(void)
{
    while ((NVMC_READY & 1u) == 0) {
    }
}

void ink_flash_erase(uintptr_t address)
{
    NVMC_CONFIG = 2;
    NVMC_ERASEPAGE = (uint32_t)address;
    nvmc_settle();
    NVMC_CONFIG = 0;
}

void ink_flash_program(uintptr_t address, const uint32_t *words)
{
    NVMC_CONFIG = 1;
    for (uint32_t place = 0; place < 64; place++) {
        INK_REG(address + 4 * place) = words[place];
        nvmc_settle();
    }
    NVMC_CONFIG = 0;
}
