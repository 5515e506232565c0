/* A key, a counter and a nonce -> ChaCha20's key stream (RFC 8439, section 2.3 and 2.4). Its time depends on the number
 * of bytes alone: it adds, rotates and XORs, and has no table and no branch on a secret. */
#ifndef INK_CHACHA20_H
#define INK_CHACHA20_H

#include <stddef.h>
#include <stdint.h>

#define INK_CHACHA20_KEY_BYTES 32
#define INK_CHACHA20_NONCE_BYTES 12
#define INK_CHACHA20_BLOCK_BYTES 64

/* Write the key stream's block number `counter` into block[INK_CHACHA20_BLOCK_BYTES]. */
void ink_chacha20_block(uint8_t *block, const uint8_t *key, uint32_t counter, const uint8_t *nonce);

/* XOR `count` bytes with the key stream from block `counter` on: encrypts, and decrypts. */
void ink_chacha20_xor(uint8_t *bytes, size_t count, const uint8_t *key, uint32_t counter, const uint8_t *nonce);

#endif
