/* The code as it lies in the flash -> what is wrong with it, by known answers. */
#ifndef INK_SELFTEST_H
#define INK_SELFTEST_H

/* NULL: CRC, tags and frames come out as they should; else what does not, for ERROR.text. */
const char *ink_self_test(void);

#endif
