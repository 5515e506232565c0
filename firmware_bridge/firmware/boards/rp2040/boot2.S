/* Second-stage boot loader: the flash as an SPI part -> memory at 0x10000000, and a jump into the image there.
   The boot ROM copies these 256 bytes to RAM, checks their CRC and runs them. They read the flash by the command that
   every SPI flash knows (03h, one bit wide). firmware_bridge/build/uf2.py puts the CRC-32 into the last four bytes. */
    .file   "boot2.S" /* otherwise the linked file would name the assembler's temporary file */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .boot2, "ax"
    .thumb_func
    .global ink_boot2
ink_boot2:
    ldr     r0, ssi
    movs    r1, #0
    str     r1, [r0, #0x08]     /* SSIENR: off while it is set up */
    movs    r1, #4
    str     r1, [r0, #0x14]     /* BAUDR: a quarter of the system clock, 31 MHz of the 50 that 03h may have */
    ldr     r1, ctrlr0
    str     r1, [r0, #0x00]
    movs    r1, #0
    str     r1, [r0, #0x04]     /* CTRLR1: one data frame at a time */
    ldr     r1, spi_ctrlr0
    ldr     r2, spi_ctrlr0_at
    str     r1, [r2]
    movs    r1, #1
    str     r1, [r0, #0x08]
    ldr     r0, image
    ldr     r1, vtor
    str     r0, [r1]
    ldmia   r0, {r0, r1}        /* stack, entry */
    msr     msp, r0
    bx      r1
    .align 2
ssi:            .word 0x18000000
ctrlr0:         .word 0x001F0300 /* 32-bit frames, EEPROM read mode */
spi_ctrlr0:     .word 0x03000218 /* command 03h of 8 bits, address of 24 */
spi_ctrlr0_at:  .word 0x180000F4
image:          .word 0x10000100
vtor:           .word 0xE000ED08
    .org 0xFC
    .word 0xFFFFFFFF             /* CRC-32, put in by boot2_with_crc of uf2.py */
