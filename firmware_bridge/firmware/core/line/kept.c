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
