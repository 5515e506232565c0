"""The harness: undefined behaviour in C raises in Python, and the process goes on."""

import ctypes
from pathlib import Path

import clib
import pytest

WRONG = r"""
#include <limits.h>
#include <stdint.h>
static uint8_t held[7];
int ink_add(int left, int right);
int ink_shift(int left, int right);
uint8_t ink_read(const uint8_t *bytes, int at);
void ink_write(uint8_t *bytes, int at);
uint8_t ink_held(int at);
int ink_stack(int at);
int ink_add(int left, int right) { return left + right; }
int ink_shift(int left, int right) { return left << right; }
uint8_t ink_read(const uint8_t *bytes, int at) { return bytes[at]; }
void ink_write(uint8_t *bytes, int at) { bytes[at] = 1; }
uint8_t ink_held(int at) { return held[at]; }
int ink_stack(int at) { volatile int here[4] = {1, 2, 3, 4}; const volatile int *p = here; return p[at]; }
"""


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> clib.Library:
    source = tmp_path_factory.mktemp("clib") / "wrong.c"
    source.write_text(WRONG)
    return clib.library(source)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("ink_add", (2**31 - 1, 1), "add_overflow"),
        ("ink_shift", (1, 32), "shift_out_of_bounds"),
        ("ink_held", (7,), "out_of_bounds"),
        ("ink_stack", (5,), "stack-buffer"),
    ],
)
def test_undefined_behaviour_is_an_exception_that_names_it(
    lib: clib.Library, name: str, arguments: tuple[int, ...], said: str
) -> None:
    function = lib.function(name, ctypes.c_int)
    assert function(*[1] * len(arguments)) is not None
    with pytest.raises(clib.SanitizerError, match=said):
        function(*arguments)
    function(*[1] * len(arguments))


@pytest.mark.parametrize("count", [1, 7, 8, 31, 256])
def test_a_byte_beside_a_buffer_is_a_finding_and_one_inside_is_not(lib: clib.Library, count: int) -> None:
    read, write = lib.function("ink_read", ctypes.c_uint8), lib.function("ink_write")
    array = lib.bytes(bytes(range(count % 256)) or bytes(count))
    for place in range(count):
        read(array, place)
        write(array, place)
    for place in (-1, count, count + 1):
        with pytest.raises(clib.SanitizerError, match="poison"):
            read(array, place)
        with pytest.raises(clib.SanitizerError, match="poison"):
            write(array, place)


def test_memory_that_was_a_buffer_once_may_be_used_again(lib: clib.Library) -> None:
    read = lib.function("ink_read", ctypes.c_uint8)
    for count in range(1, 300):
        lib.buffer(count)
        plain = (ctypes.c_uint8 * 300)()
        assert [read(plain, place) for place in range(0, 300, 7)] == [0] * 43


def test_a_finding_belongs_to_the_library_that_was_called(lib: clib.Library, tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text(WRONG)
    other = clib.library(source)
    for one, rest in ((lib, other), (other, lib), (lib, other)):
        with pytest.raises(clib.SanitizerError, match="poison"):
            one.function("ink_read", ctypes.c_uint8)(one.bytes(b"ink"), 3)
        assert rest.function("ink_add", ctypes.c_int)(1, 2) == 3


def test_a_source_with_a_warning_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "loud.c"
    source.write_text("unsigned char ink_loud(int x);\nunsigned char ink_loud(int x) { return x; }\n")
    with pytest.raises(AssertionError, match="conversion"):
        clib.library(source)
