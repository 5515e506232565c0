"""Sources of edge and firmware_bridge -> the same, with each call that leaves them going through one function.

A call site is where a function of these packages calls what is not theirs: the system, SQLite, the interpreter, a
clock, NumPy, a decoder. It is named after file, function and the text of what is called, so that lines may move.
`install` has every module compiled so; then each call can be counted, or made to fail (`fault_kinds.py`).
"""

import ast
import builtins
import functools
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge", "firmware_bridge")
HOOK = "__inkgate_call__"
"""Name, among Python's builtins, of the function that every call goes through."""

_NEED_THEIR_FRAME = {"super", "locals", "globals", "vars", "dir", "eval", "exec"}


class Site(NamedTuple):
    """Where a call stands: `edge/gate/loop.py`, `Gate.run`, `self._gate.run`; `#2` for the second of that text."""

    file: str
    function: str
    call: str


class _Instrument(ast.NodeTransformer):
    """Puts the hook and the site before the arguments of each call within a function."""

    def __init__(self, file: str) -> None:
        self._file, self._within, self._depth = file, list[str](), 0
        self.found: list[Site] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._within.append(node.name)
        node.body = [self.visit(inner) for inner in node.body]
        self._within.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._within.append(node.name)
        self._depth += 1
        node.body = [self.visit(inner) for inner in node.body]
        self._depth -= 1
        self._within.pop()
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        call = ast.unparse(node.func)
        self.generic_visit(node)
        if not self._depth or (isinstance(node.func, ast.Name) and node.func.id in _NEED_THEIR_FRAME):
            return node
        site = Site(self._file, ".".join(self._within), _short(call))
        same = sum(s[:2] == site[:2] and s.call.partition(" #")[0] == site.call for s in self.found)
        if same:
            site = site._replace(call=f"{site.call} #{same + 1}")
        self.found.append(site)
        arguments = [ast.Constant("|".join(site)), node.func, *node.args]
        hooked = ast.Call(ast.Name(HOOK, ast.Load()), arguments, node.keywords)
        return ast.copy_location(hooked, node)


def _short(call: str) -> str:
    text = " ".join(call.split()).replace("|", "/")
    return text if len(text) <= 60 else f"{text[:57]}..."


def instrumented(path: Path) -> tuple[ast.Module, list[Site]]:
    """Return a file's syntax with every call hooked, and the sites."""
    hook = _Instrument(str(path.relative_to(ROOT)))
    tree = hook.visit(ast.parse(path.read_text(), str(path)))
    return ast.fix_missing_locations(tree), hook.found


def sites_of(path: Path) -> list[Site]:
    """Return the sites that stand in a file, reached or not."""
    return instrumented(path)[1]


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = Path(self.get_filename(fullname))
        return compile(instrumented(path)[0], str(path), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def install(call: Callable[..., Any]) -> None:
    """Have the packages compiled with `call(site, what, *arguments, **options)` in place of each call.

    None of them may be imported yet.
    """
    assert not any(name.partition(".")[0] in PACKAGES for name in sys.modules), "the packages are imported already"
    setattr(builtins, HOOK, call)
    sys.meta_path.insert(0, _Finder())


def change(call: Callable[..., Any]) -> None:
    """Have another function called from now on."""
    setattr(builtins, HOOK, call)


SYSTEM, CLOCK, DATABASE, OUTPUT = "system", "clock", "database", "output"
INTERPRETER, DECODER, SECRET, ARRAY, THREAD = "interpreter", "decoder", "secret", "array", "thread"

_MODULES = {
    SYSTEM: "posix os io _io pathlib fcntl select socket _socket posixpath genericpath subprocess shutil tempfile "
    "termios tty serial platform",
    CLOCK: "time datetime",
    DATABASE: "sqlite3",
    OUTPUT: "rich click",
    INTERPRETER: "ai_edge_litert tflite_runtime",
    DECODER: "msgspec json zipfile",
    SECRET: "hashlib _hashlib _blake2 hmac _hmac _operator secrets cryptography",
    ARRAY: "numpy",
    THREAD: "threading _thread queue _queue",
}
_KINDS = {module: kind for kind, modules in _MODULES.items() for module in modules.split()}
_FILES = {
    "exists", "is_file", "is_dir", "stat", "open", "read_bytes", "read_text", "write_bytes", "write_text", "mkdir",
    "unlink", "rename", "replace", "glob", "rglob", "iterdir", "chmod", "resolve", "touch", "absolute", "home",
}  # fmt: skip
"""What of a path asks the system; the rest only takes a text apart."""
_CANNOT_FAIL = frozenset(
    [
        "fspath",
        "getpid",
        "geteuid",
        "strerror",
        "normpath",
        "basename",
        "dirname",
        "join",
        "get",
        "pop",
        "fileno",
        "_asdict",
        "astuple",
        "asdict",
        "fromtimestamp",
        "current_thread",
        "get_ident",
        "itemsize",
        "dtype",
        "finfo",
        "iinfo",
        "fsdecode",
        "fsencode",
        "waitstatus_to_exitcode",
        "get_text_stream",
        "to_builtins",
        "Text",
        "append",
        "append_text",
        "cell_len",
        "Control",
        "UsageError",
        "BadParameter",
        "ParamType",
        "convert",
        "style",
    ]
)
_LANGUAGE = ("MsgspecError", "DecodeError", "Error")


@functools.cache
def _kind(module: str, name: str) -> str | None:
    kind = _KINDS.get(module.partition(".")[0])
    if kind is None or name in _CANNOT_FAIL or name.endswith(_LANGUAGE):
        return None
    if module == "pathlib" and name not in _FILES:
        return None
    if module == "_operator" and name != "_compare_digest":
        return None
    return kind


def kind_of(what: Any) -> str | None:
    """Return what kind of call it is to call this; None if it is no call that can fail, or one of the packages."""
    own = getattr(what, "__self__", None)
    module = getattr(what, "__module__", None)
    if not isinstance(module, str):
        module = type(own).__module__ if own is not None else type(what).__module__
    name = getattr(what, "__name__", type(what).__name__)
    if own is not None and not isinstance(own, type) and type(own).__module__.partition(".")[0] in (*_KINDS, "_io"):
        module = type(own).__module__
        if type(own).__name__ == "module":
            module = own.__name__
    return _kind(module, str(name))


def all_files() -> Iterator[Path]:
    """Yield every source file of the packages."""
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))
