/* What the sanitizers find -> text that clib.py raises as an exception; the process is not aborted.
 *
 * gcc's address sanitizer calls found() here. The undefined behaviour sanitizer has no such callback, so this file is
 * its runtime: a check of the compiler calls one function, whose first argument begins with the place in the source. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"), no_sanitize("address", "undefined")))

EXPORT int clib_findings;
EXPORT char clib_report[4096];

void __asan_set_error_report_callback(void (*callback)(const char *));

static EXPORT void found(const char *text)
{
    /* clib.py sets the counter back to 0 before it raises. */
    const size_t used = clib_findings++ == 0 ? 0 : strlen(clib_report);
    snprintf(clib_report + used, sizeof clib_report - used, "%s\n", text);
}

/* A promise that a fuzz target checks: -DINK_BROKEN=clib_broken. */
EXPORT void clib_broken(const char *promise)
{
    found(promise);
}

EXPORT const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0:detect_leaks=0:halt_on_error=0:handle_segv=0:handle_sigbus=0:handle_abort=0:"
           "handle_sigill=0:handle_sigfpe=0:allocator_may_return_null=1:suppress_equal_pcs=0";
}

__attribute__((constructor)) static EXPORT void begin(void)
{
    __asan_set_error_report_callback(found);
}

struct place {
    const char *file;
    uint32_t line, column;
};

static EXPORT void undefined(const char *what, const struct place *place)
{
    char text[512];
    snprintf(text, sizeof text, "undefined behaviour: %s at %s:%u:%u", what, place->file, place->line, place->column);
    found(text);
}

#define CHECK(name)                                                                                                     \
    EXPORT void __ubsan_handle_##name(const struct place *place, uintptr_t first, uintptr_t second)                     \
    {                                                                                                                   \
        (void)first;                                                                                                    \
        (void)second;                                                                                                   \
        undefined(#name, place);                                                                                        \
    }

CHECK(add_overflow)
CHECK(sub_overflow)
CHECK(mul_overflow)
CHECK(negate_overflow)
CHECK(divrem_overflow)
CHECK(shift_out_of_bounds)
CHECK(out_of_bounds)
CHECK(builtin_unreachable)
CHECK(missing_return)
CHECK(vla_bound_not_positive)
CHECK(float_cast_overflow)
CHECK(load_invalid_value)
CHECK(invalid_builtin)
CHECK(nonnull_arg)
CHECK(type_mismatch_v1)
CHECK(pointer_overflow)
CHECK(alignment_assumption)
CHECK(function_type_mismatch)

EXPORT void __ubsan_handle_nonnull_return_v1(const void *data, const struct place *place)
{
    (void)data;
    undefined("nonnull_return", place);
}
