/* For tests on the host: the board that boards/store.c is compiled for. */
#define INK_STORE_TOTAL_BYTES 2048
