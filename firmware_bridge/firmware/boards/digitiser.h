/* What a digitiser sends, at the rate that the firmware is built for (100 Hz), while the pen is in reach: MARK, x, y, pressure; 16 bits,
   little endian. Before it falls silent, for a pen out of reach, it has told that the pen has left the paper. */
#ifndef INK_BOARDS_DIGITISER_H
#define INK_BOARDS_DIGITISER_H

#define INK_DIGITISER_MARK 0xA5
#define INK_DIGITISER_PACKET_BYTES 8 /* MARK, 6 bytes, and the XOR of these 7 */

#endif
