/* The size of struct ink_poly1305, for test_aead.py. */
#include "line/poly1305.h"

extern const size_t size_of_poly1305;
const size_t size_of_poly1305 = sizeof(struct ink_poly1305);
