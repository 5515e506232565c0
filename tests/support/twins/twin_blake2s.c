/* The size of struct ink_blake2s, for test_blake2s.py. */
#include "line/blake2s.h"

extern const size_t size_of_blake2s;
const size_t size_of_blake2s = sizeof(struct ink_blake2s);
