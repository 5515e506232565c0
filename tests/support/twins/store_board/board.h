/* The board that boards/store.c is compiled for in tests on the host. */
#define INK_STORE_TOTAL_BYTES 2048
