"""A budget for flash, RAM and arithmetic -> the structures that satisfy it, and the one to build.

The constraint is that of equation 4, R <= R_max. Candidates differ in three freedoms that the method leaves:
    - how many stroke orientations, and how many affine transformations of a feature, are told apart (principle 2);
    - whether there is a second convolution layer (principle 1);
    - by how much the fully connected layer and the LSTM exceed L_f,min (equation 3 is a lower bound).
So every candidate can be built, quantised and run on the same 33x33 fragments that the wire carries. Kernel 5 and
stride 2 stay: they lose no row at a border (principle 4).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from train.errors import BudgetError
from train.plan.architecture import EMPTY_AND_FILLED, ORIENTATIONS, TRANSFORMATIONS, ArchitecturePlan, adapt, structure

ORIENTATION_CHOICES = (2, 4, 8)
TRANSFORMATION_CHOICES = (1, 2, 3, 4, 6, 8)
WIDEN_CHOICES = (1, 2)

_UNITS = {"flash": "bytes of weights", "ram": "bytes of activations", "macs": "multiply-accumulates"}


@dataclass(frozen=True)
class Budget:
    """R_max of equation 4, by component; None is no limit.

    flash: bytes of weights. ram: bytes of activations and state. macs: multiply-accumulates a fragment.
    """

    flash: int | None = None
    ram: int | None = None
    macs: int | None = None

    def allows(self, plan: ArchitecturePlan) -> bool:
        """Return whether R <= R_max in every component that is limited."""
        return self.overrun(plan) <= 1

    def overrun(self, plan: ArchitecturePlan) -> float:
        """Return the largest R / R_max over the limited components, 0 when nothing is limited."""
        need = resources(plan)
        return max((need[name] / limit for name, limit in self.limits.items()), default=0.0)

    @property
    def limits(self) -> dict[str, int]:
        """The limited components by name."""
        every = {"flash": self.flash, "ram": self.ram, "macs": self.macs}
        return {name: limit for name, limit in every.items() if limit is not None}


def resources(plan: ArchitecturePlan) -> dict[str, int]:
    """Return R of a plan: flash and RAM in bytes, multiply-accumulates a fragment."""
    return {"flash": plan.weight_bytes, "ram": plan.activation_bytes, "macs": plan.macs}


def candidates(users: int) -> tuple[ArchitecturePlan, ...]:
    """Return every structure that the three freedoms allow, the nominal one first, then by preference.

    The nominal structure is that of the seven stages. It comes before larger ones, because a network ten times its size
    was no better in our experiments. The others are ranked by
      1. a second convolution layer
      2. orientations, up to four
      3. transformations, up to four
      4. the number of parameters, more before fewer
    """
    nominal = adapt(users)
    others = {plan for plan in _variants(users) if plan != nominal}
    return (nominal, *sorted(others, key=_preference, reverse=True))


def solve(users: int, budget: Budget) -> tuple[ArchitecturePlan, ...]:
    """Return the candidates that satisfy R <= R_max (equation 4); the first is the one to build.

    Raises BudgetError for a limit below 1, and when no candidate fits; the message then names the structure that comes
    nearest and what it needs.
    """
    every = candidates(users)
    if any(limit < 1 for limit in budget.limits.values()):
        raise BudgetError("a budget is at least 1; `inkgate adapt --help` shows the units")
    fitting = tuple(plan for plan in every if budget.allows(plan))
    if not fitting:
        raise BudgetError(_refusal(users, budget, min(every, key=budget.overrun)))
    return fitting


def _variants(users: int) -> Iterator[ArchitecturePlan]:
    for widen in WIDEN_CHOICES:
        for orientations in ORIENTATION_CHOICES:
            first = orientations + EMPTY_AND_FILLED
            yield structure(users, (first,), widen)
            for transformations in TRANSFORMATION_CHOICES:
                yield structure(users, (first, first * transformations), widen)


def _preference(plan: ArchitecturePlan) -> tuple[int, int, int, int]:
    orientations = plan.maps[0] - EMPTY_AND_FILLED
    transformations = plan.maps[-1] // plan.maps[0]
    kept = min(orientations, ORIENTATIONS), min(transformations, TRANSFORMATIONS)
    return len(plan.maps), *kept, plan.parameters


def _refusal(users: int, budget: Budget, nearest: ArchitecturePlan) -> str:
    need = resources(nearest)
    above = {name: limit for name, limit in budget.limits.items() if need[name] > limit}
    over = [f"{need[name]:,} {_UNITS[name]} where {limit:,} are allowed" for name, limit in above.items()]
    maps = " and ".join(map(str, nearest.maps))
    options = " ".join(f"--max-{name} {need[name]}" for name in budget.limits)
    return (
        f"no structure for {users} users fits; the smallest for this budget (maps {maps}, hidden {nearest.hidden}) "
        f"needs {' and '.join(over)}; possible is `inkgate adapt --users {users} {options}`"
    )
