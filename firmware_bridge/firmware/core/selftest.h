/* The code as it lies in the flash -> what is wrong with it, found by known answers. */
#ifndef INK_SELFTEST_H
#define INK_SELFTEST_H

/* Check CRC, tags and frames. Return NULL if all are right, else a constant text for ERROR that names what is wrong. */
const char *ink_self_test(void);

#endif
