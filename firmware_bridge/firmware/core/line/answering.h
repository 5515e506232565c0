/* A host's questions -> their answers, each carried out once; the twin of questions.Answering on a board without a
 * network: it can be given a key, and says of all else that it cannot. */
#ifndef INK_ANSWERING_H
#define INK_ANSWERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line/kept.h"
#include "line/wire.h"

/* The answer to the last question of a connection. */
struct ink_answering {
    uint32_t number; /* of the question; 0: none came */
    bool due;
    uint8_t id;      /* PROVISIONED or CANNOT */
    enum ink_obstacle obstacle;
};

/* What became of a question. */
enum ink_asked {
    INK_ASKED_REFUSED, /* not in its turn, or its bytes are none */
    INK_ASKED_AGAIN,   /* the last one: its answer is due again */
    INK_ASKED_FRESH,   /* carried out */
};

void ink_answering_init(struct ink_answering *answering);

bool ink_is_question(uint8_t id);

/* A question has come. PROVISION writes to `kept` and `store`. */
enum ink_asked ink_answering_take(struct ink_answering *answering, uint8_t id, uint32_t number, const uint8_t *payload,
                                  size_t count, struct ink_kept *kept, const struct ink_store *store);

/* The payload of the answer, which is due no more; its length. */
int ink_answering_answer(struct ink_answering *answering, uint8_t *payload);

#endif
