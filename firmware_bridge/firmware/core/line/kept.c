#include "line/kept.h"

#include "line/mem.h"

bool ink_kept_begin(struct ink_kept *kept, const struct ink_store *store)
{
    if (!store->read(kept, sizeof *kept) || kept->provisioned > 1) {
        ink_fill(kept, 0, sizeof *kept);
    }
    kept->session++;
    return store->write(kept, sizeof *kept);
}

bool ink_kept_provision(struct ink_kept *kept, const uint8_t *key, const struct ink_store *store)
{
    if (store == NULL) {
        return false;
    }
    struct ink_kept next = {.session = kept->session, .provisioned = 1};
    ink_copy(next.key, key, INK_KEY_BYTES);
    const bool written = store->write(&next, sizeof next);
    if (written) {
        *kept = next;
    }
    ink_wipe(&next, sizeof next);
    return written;
}
