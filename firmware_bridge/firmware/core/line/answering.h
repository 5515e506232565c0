/* A host's questions -> their answers, each question carried out once.
 * The twin of class Answering in firmware_bridge/session/questions.py, for a board without a network: the answer to every
 * question is CANNOT. */
#ifndef INK_ANSWERING_H
#define INK_ANSWERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/wire.h"

/* The last question of a connection. */
struct ink_answering {
    uint32_t number; /* of the question; 0: there was none */
    bool due;        /* its answer is to be sent */
};

/* What became of a question. */
enum ink_asked {
    INK_ASKED_REFUSED, /* out of turn or malformed: nothing has changed */
    INK_ASKED_AGAIN,   /* a repetition of the last question: its answer is due again */
    INK_ASKED_FRESH,   /* the next question: its answer is due */
};

/* Begin a connection: there was no question. */
void ink_answering_init(struct ink_answering *answering);

/* Return whether `id` is that of IDENTIFY or PROBE. */
bool ink_is_question(uint8_t id);

/* Take a question: message `id` with its `number` and payload[count].
 * Numbers begin at 1 in each connection. The next number is taken, the last one is answered again, every other one is
 * refused. */
enum ink_asked ink_answering_take(struct ink_answering *answering, uint8_t id, uint32_t number, const uint8_t *payload,
                                  size_t count);

/* Write the payload of the due answer, CANNOT; the answer is due no more. Return the payload's length. */
int ink_answering_answer(struct ink_answering *answering, uint8_t *payload);

#endif
