/* Sizes that test_blake2s.py needs. */
#include "line/blake2s.h"

extern const size_t size_of_blake2s;
const size_t size_of_blake2s = sizeof(struct ink_blake2s);
