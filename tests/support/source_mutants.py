"""A file -> its mutants: the same source with one comparison, operator, constant, condition, return or deed another."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
REACHED = "__inkgate_reached__"
"""Name, among Python's builtins, of what a marked file's functions call with their names."""

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.Pow: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """A change of a file: where, and what it is called in tests/mutants.toml."""

    file: str
    function: str
    change: str

    @property
    def name(self) -> str:
        return f"{self.file}: {self.function}: {self.change}"


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a node's place in its mutants."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[place] = _COMPARED[type(op)]()
            yield changed
    elif isinstance(node, ast.BoolOp):
        changed_op = copy.deepcopy(node)
        changed_op.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield changed_op
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield copy.deepcopy(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        changed_sum = copy.deepcopy(node)
        changed_sum.op = _COMPUTED[type(node.op)]()
        yield changed_sum
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False) if isinstance(node, ast.If | ast.IfExp) else (False,):
            changed_if = copy.deepcopy(node)
            changed_if.test = ast.Constant(value)
            yield changed_if
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Raise | ast.AugAssign | ast.Delete) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


class _Place(NamedTuple):
    """A node, the field of its parent that holds it, its place there if that is a list, and what may stand there."""

    parent: Any
    field: str
    at: int | None
    node: ast.AST
    variant: ast.AST
    function: str


_NO_CODE = ("annotation", "returns", "decorator_list", "bases", "type_comment")


def _places(parent: Any, within: tuple[str, ...] = ()) -> Iterator[_Place]:
    """Yield every place where a variant can stand, in functions and classes; texts and types are left out."""
    if isinstance(parent, ast.FunctionDef | ast.ClassDef):
        within = (*within, parent.name)
    for field, value in ast.iter_fields(parent):
        for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if field in _NO_CODE or not isinstance(node, ast.AST) or isinstance(node, ast.JoinedStr):
                continue
            if within:
                yield from (_Place(parent, field, at, node, v, ".".join(within)) for v in _variants(node))
            yield from _places(node, within)


def mutants(path: Path) -> list[tuple[Mutant, str]]:
    """Return every mutant of a file with its source."""
    tree, made = ast.parse(path.read_text()), []
    for mutant, place in list(_named(path, tree)):
        _put(place, place.variant)
        made.append((mutant, ast.unparse(ast.fix_missing_locations(tree))))
        _put(place, place.node)
    return made


def names(path: Path) -> list[str]:
    """Return the names of a file's mutants."""
    return [mutant.name for mutant, _ in _named(path, ast.parse(path.read_text()))]


def _named(path: Path, tree: ast.Module) -> Iterator[tuple[Mutant, _Place]]:
    seen = dict[str, int]()
    for place in _places(tree):
        change = f"{_text(place.node)} -> {_text(place.variant)}"
        key = f"{place.function}|{change}"
        seen[key] = seen.get(key, 0) + 1
        change = change if seen[key] == 1 else f"{change} #{seen[key]}"
        yield Mutant(str(path.relative_to(ROOT)), place.function, change), place


def _put(place: _Place, node: ast.AST) -> None:
    if place.at is None:
        setattr(place.parent, place.field, node)
    else:
        getattr(place.parent, place.field)[place.at] = node


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split("\n")[0].split())
    return text if len(text) <= 70 else f"{text[:67]}..."


class _Marking(ast.NodeTransformer):
    """Has every function of a file say that it is reached."""

    def __init__(self, file: str) -> None:
        self._within = [file]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._inner(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        mark = ast.Call(ast.Name(REACHED, ast.Load()), [ast.Constant(_at([*self._within, node.name]))], [])
        self._inner(node)
        node.body.insert(0, ast.Expr(mark))
        return node

    def _inner(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self._within.append(node.name)
        node.body = [self.visit(statement) for statement in node.body]
        self._within.pop()
        return node


def _at(within: list[str]) -> str:
    return f"{within[0]}: {'.'.join(within[1:])}"


def marked(path: Path) -> str:
    """Return the source of a file whose functions say that they are reached."""
    tree = _Marking(str(path.relative_to(ROOT))).visit(ast.parse(path.read_text()))
    return ast.unparse(ast.fix_missing_locations(tree))
