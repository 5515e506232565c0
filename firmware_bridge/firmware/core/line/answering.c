#include "line/answering.h"

#include "line/mem.h"

void ink_answering_init(struct ink_answering *answering)
{
    ink_fill(answering, 0, sizeof *answering);
}

bool ink_is_question(uint8_t id)
{
    return id == INK_ID_IDENTIFY || id == INK_ID_PROBE || id == INK_ID_PROVISION;
}

static void cannot(struct ink_answering *answering, enum ink_obstacle obstacle)
{
    answering->id = INK_ID_CANNOT;
    answering->obstacle = obstacle;
}

/* Store a key, unless the board has one. */
static void provision(struct ink_answering *answering, const uint8_t *key, struct ink_kept *kept,
                      const struct ink_store *store)
{
    if (kept->provisioned != 0) {
        cannot(answering, INK_OBSTACLE_PROVISIONED);
    } else if (!ink_kept_provision(kept, key, store)) {
        cannot(answering, INK_OBSTACLE_NOT_STORED);
    } else {
        answering->id = INK_ID_PROVISIONED;
    }
}

/* Carry out a question. Return false if the payload is malformed. */
static bool carry_out(struct ink_answering *answering, uint8_t id, const uint8_t *payload, size_t count,
                      struct ink_kept *kept, const struct ink_store *store)
{
    struct ink_wire_probe probe;
    struct ink_wire_provision given;
    if (id == INK_ID_PROVISION) {
        const bool decoded = ink_decode_provision(&given, payload, count);
        if (decoded) {
            provision(answering, given.key, kept, store);
        }
        ink_wipe(&given, sizeof given);
        return decoded;
    }
    if (id == INK_ID_IDENTIFY ? !ink_decode_identify(payload, count) : !ink_decode_probe(&probe, payload, count)) {
        return false;
    }
    cannot(answering, INK_OBSTACLE_NO_NETWORK);
    return true;
}

enum ink_asked ink_answering_take(struct ink_answering *answering, uint8_t id, uint32_t number, const uint8_t *payload,
                                  size_t count, struct ink_kept *kept, const struct ink_store *store)
{
    if (number == 0 || number - answering->number > 1) {
        return INK_ASKED_REFUSED;
    }
    const bool fresh = number != answering->number;
    if (fresh && !carry_out(answering, id, payload, count, kept, store)) {
        return INK_ASKED_REFUSED;
    }
    answering->number = number;
    answering->due = true;
    return fresh ? INK_ASKED_FRESH : INK_ASKED_AGAIN;
}

static const char *text_of(enum ink_obstacle obstacle)
{
    if (obstacle == INK_OBSTACLE_PROVISIONED) {
        return "the board has a key already";
    }
    return obstacle == INK_OBSTACLE_NOT_STORED ? "the key could not be stored" : "no network runs on this board";
}

int ink_answering_answer(struct ink_answering *answering, uint8_t *payload)
{
    answering->due = false;
    if (answering->id == INK_ID_PROVISIONED) {
        return ink_encode_provisioned(payload);
    }
    struct ink_wire_cannot message = {.obstacle = answering->obstacle};
    ink_copy_text(message.text, text_of(answering->obstacle), sizeof message.text - 1);
    return ink_encode_cannot(payload, &message);
}
