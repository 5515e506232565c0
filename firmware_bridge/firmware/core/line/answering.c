#include "line/answering.h"

#include "line/mem.h"

void ink_answering_init(struct ink_answering *answering)
{
    ink_fill(answering, 0, sizeof *answering);
}

bool ink_is_question(uint8_t id)
{
    return id == INK_ID_IDENTIFY || id == INK_ID_PROBE;
}

enum ink_asked ink_answering_take(struct ink_answering *answering, uint8_t id, uint32_t number, const uint8_t *payload,
                                  size_t count)
{
    if (number == 0 || number - answering->number > 1) {
        return INK_ASKED_REFUSED;
    }
    const bool fresh = number != answering->number;
    struct ink_wire_probe probe;
    if (fresh && !(id == INK_ID_IDENTIFY ? ink_decode_identify(payload, count) : ink_decode_probe(&probe, payload, count))) {
        return INK_ASKED_REFUSED;
    }
    answering->number = number;
    answering->due = true;
    return fresh ? INK_ASKED_FRESH : INK_ASKED_AGAIN;
}

int ink_answering_answer(struct ink_answering *answering, uint8_t *payload)
{
    struct ink_wire_cannot message = {.obstacle = INK_OBSTACLE_NO_NETWORK};
    answering->due = false;
    ink_copy_text(message.text, "no network runs on this board", sizeof message.text - 1);
    return ink_encode_cannot(payload, &message);
}
