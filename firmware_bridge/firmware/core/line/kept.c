#include "line/kept.h"

#include "line/mem.h"

#define WITHOUT_HEAD offsetof(struct ink_kept, head)

bool ink_kept_begin(struct ink_kept *kept, const struct ink_store *store)
{
    ink_fill(kept, 0, sizeof *kept);
    const bool found = store->read(kept, sizeof *kept) || store->read(kept, WITHOUT_HEAD);
    if (!found || kept->provisioned > 1) {
        ink_fill(kept, 0, sizeof *kept);
    }
    kept->session++;
    return store->write(kept, sizeof *kept);
}

void ink_kept_remember(struct ink_kept *kept, const uint8_t *head, const struct ink_store *store)
{
    struct ink_kept next = *kept;
    ink_copy(next.head, head, INK_HEAD_BYTES);
    if (store != NULL && store->write(&next, sizeof next)) {
        *kept = next;
    }
    ink_wipe(&next, sizeof next);
}
