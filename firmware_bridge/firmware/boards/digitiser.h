/* The packets of a digitiser: MARK, then x, y and pressure of 16 bits each, little endian, then a check byte.

   While the pen is in reach, packets come at the rate that the firmware is built for, INK_PEN_RATE_HZ a second. Before
   the digitiser falls silent because the pen is out of reach, it sends that the pen has left the paper. */
#ifndef INK_BOARDS_DIGITISER_H
#define INK_BOARDS_DIGITISER_H

#define INK_DIGITISER_MARK 0xA5
#define INK_DIGITISER_PACKET_BYTES 8 /* the last one is the XOR of the 7 before it */

#endif
