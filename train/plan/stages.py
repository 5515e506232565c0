"""ArchitecturePlan -> the seven stages that led to it, with formulas, equations and principles."""

from dataclasses import dataclass

from train.plan.architecture import EMPTY_AND_FILLED, ArchitecturePlan

PRINCIPLES = {
    1: "as many convolution layers as a person's levels of recognition need",
    2: "maps in layer n = features at level n",
    3: "kernel size = feature size at level n",
    4: "convolution must not distort the geometry of the symbols",
    5: "the atomic input is one fragment, as large as the smallest allowed symbol",
}


@dataclass(frozen=True)
class Number:
    """One number of the plan: its symbol, the formula with this plan's values put in, and the result.

    equation: the formula's number in the published source (1 to 5), None for a formula without one.
    """

    symbol: str
    formula: str
    value: int | str
    equation: int | None = None


@dataclass(frozen=True)
class Stage:
    """One stage: its number and title, the plan's numbers it gives, and its choice in words.

    principle: the key in PRINCIPLES of the principle behind it, None for a stage without one.
    """

    stage: int
    title: str
    numbers: tuple[Number, ...]
    principle: int | None = None
    choice: str = ""


def explain(plan: ArchitecturePlan) -> tuple[Stage, ...]:
    """Return the seven stages of a plan, in order."""
    return (_outputs(plan), _inputs(plan), _depth(plan), _maps(plan), _subsampling(), _geometry(plan), _hidden(plan))


def _outputs(plan: ArchitecturePlan) -> Stage:
    return Stage(
        1,
        "Outputs",
        (Number("L_out", f"K + 1 = {plan.users} + 1", plan.outputs, 1),),
        choice=f"{plan.users} enrolled users and the stranger",
    )


def _inputs(plan: ArchitecturePlan) -> Stage:
    numbers = (Number("a0", "side of a fragment", plan.side), Number("L_in", f"a0^2 = {plan.side}^2", plan.inputs))
    return Stage(2, "Inputs", numbers, 5, "one black-and-white fragment a symbol")


def _depth(plan: ArchitecturePlan) -> Stage:
    levels = len(plan.maps) + 1
    number = Number("N_h", f"levels of recognition - 1 = {levels} - 1", len(plan.maps))
    return Stage(3, "Convolution layers", (number,), 1, "tanh; few hidden layers, so no dropout")


def _maps(plan: ArchitecturePlan) -> Stage:
    first = plan.maps[0]
    numbers = [Number("L_h1", f"{first - EMPTY_AND_FILLED} stroke orientations + empty + filled", first)]
    for n, (before, maps) in enumerate(zip(plan.maps, plan.maps[1:], strict=False), start=2):
        text = f"{before} features x {maps // before} affine transformations"
        numbers.append(Number(f"L_h{n}", text, maps))
    return Stage(4, "Maps", tuple(numbers), 2)


def _subsampling() -> Stage:
    number = Number("N_s", "no subsampling layers", 0)
    return Stage(5, "Subsampling", (number,), 4, "the stride already halves the side")


def _geometry(plan: ArchitecturePlan) -> Stage:
    layers = range(1, len(plan.maps) + 1)
    numbers = [
        Number(" = ".join(f"b{n}" for n in layers), "side of a kernel", plan.kernel),
        Number(" = ".join(f"d{n}" for n in layers), "stride", plan.stride),
        Number(" = ".join(f"r{n}" for n in layers), "padding", plan.padding),
    ]
    for n, (before, side) in enumerate(zip((plan.side, *plan.sides), plan.sides, strict=False), start=1):
        formula = f"floor(({before} - {plan.kernel} + 2 x {plan.padding}) / {plan.stride}) + 1"
        numbers.append(Number(f"a{n}", formula, side))
    numbers.append(Number("y_i", "exp(q_i) / sum_k exp(q_k), after the network", "softmax", 2))
    return Stage(6, "Kernels, strides, padding, sides", tuple(numbers), 3, "every step exact: no pixel row is dropped")


def _hidden(plan: ArchitecturePlan) -> Stage:
    last = plan.maps[-1]
    least = 2 * last + plan.outputs
    numbers = [Number("L_f,min", f"2 L_h{len(plan.maps)} + L_out = 2 x {last} + {plan.outputs}", least, 3)]
    times = "" if plan.hidden == least else f"{plan.hidden / least:g} x "
    numbers.append(Number("L_f", f"{times}L_f,min; the LSTM is as wide", plan.hidden))
    if last == 24:
        numbers.insert(1, Number("L_f,min", f"49 + K = 49 + {plan.users}", least, 5))
    choice = "how the LSTM is attached is our choice"
    return Stage(7, "Hidden layers", tuple(numbers), None, choice)
