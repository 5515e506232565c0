/* What a digitiser sends at 100 Hz, whether the pen touches or not: MARK, x, y, pressure; 16 bits, little endian. */
#ifndef INK_BOARDS_DIGITISER_H
#define INK_BOARDS_DIGITISER_H

#define INK_DIGITISER_MARK 0xA5
#define INK_DIGITISER_PACKET_BYTES 8 /* MARK, 6 bytes, and the XOR of these 7 */

#endif
