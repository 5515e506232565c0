"""`inkgate adapt`: a task or a budget -> the network's structure."""

import json
import re
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import json_option, plain_console, say, show_table
from train.plan.architecture import ArchitecturePlan
from train.plan.budget import Budget, candidates, resources, solve
from train.plan.stages import PRINCIPLES, Stage, explain

_SHOWN = 12
_WIDTH = 100
_PANEL_WIDTH = 80
_BYTES = {"": 1, "b": 1, "kb": 1000, "k": 1024, "kib": 1024, "mb": 10**6, "m": 2**20, "mib": 2**20}
_COUNT = {"": 1, "k": 1000, "m": 10**6}


@click.command()
@click.option("--users", required=True, type=click.IntRange(1, 10_000), help="K, how many users are to be told apart.")
@click.option(
    "--max-flash",
    type=lambda text: _quantity(text, _BYTES),
    metavar="BYTES",
    help="Bytes of weights at most, such as 96k (k and KiB are 1024, kB is 1000).",
)
@click.option(
    "--max-ram",
    type=lambda text: _quantity(text, _BYTES),
    metavar="BYTES",
    help="Bytes of activations and state at most, such as 8KiB.",
)
@click.option(
    "--max-macs",
    type=lambda text: _quantity(text, _COUNT),
    metavar="COUNT",
    help="Multiply-accumulates a fragment at most, such as 250k (k is 1000 here).",
)
@json_option
def adapt(users: int, max_flash: int | None, max_ram: int | None, max_macs: int | None, as_json: bool) -> None:
    """Derive the network from the task in seven stages, with their formulas, equations and principles.

    With a budget it solves equation 4's constraint: which structures satisfy R <= R_max, and which one to build.
    """
    budget = Budget(max_flash, max_ram, max_macs)
    fitting = solve(users, budget)
    plan = fitting[0]
    if as_json:
        click.echo(json.dumps(_plan_json(plan, budget, fitting)))
        return
    console = plain_console()
    console.width = min(console.width, _WIDTH)
    for stage in explain(plan):
        if console.width < _PANEL_WIDTH:
            _say_stage(console, stage)
        else:
            console.print(_stage_panel(stage))
    show_table(console, _resource_table(plan))
    if budget.limits:
        show_table(console, _candidate_table(users, budget, fitting))


def _quantity(text: str, units: dict[str, int]) -> int:
    """Parse a number with an optional suffix, such as 96k, 128KiB, 0.5M or 250000, into a whole number.

    Raises click.BadParameter for anything else and for less than 1.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].lower() not in units:
        raise click.BadParameter(f"{text!r} is not a number, alone or followed by {', '.join(filter(None, units))}")
    number = int(float(match[1]) * units[match[2].lower()])
    if number < 1:
        raise click.BadParameter(f"{text!r} is less than 1")
    return number


def _plan_json(plan: ArchitecturePlan, budget: Budget, fitting: tuple[ArchitecturePlan, ...]) -> dict[str, Any]:
    """Return the plan with its layers, principles and stages, as JSON values.

    With a budget, every structure that satisfies it is returned too.
    """
    result = {
        **plan.to_dict(),
        "layers": [asdict(layer) for layer in plan.layers],
        "principles": PRINCIPLES,
        "stages": [asdict(stage) for stage in explain(plan)],
    }
    if budget.limits:
        result["budget"] = budget.limits
        result["considered"] = len(candidates(plan.users))
        result["candidates"] = [candidate.to_dict() for candidate in fitting]
    return result


def _stage_panel(stage: Stage) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", min_width=13)
    grid.add_column(min_width=44)
    grid.add_column(justify="right", style="bold cyan", min_width=7)
    grid.add_column(style="dim", min_width=5)
    for number in stage.numbers:
        value = f"{number.value:,}" if isinstance(number.value, int) else number.value
        grid.add_row(number.symbol, number.formula, value, f"eq. {number.equation}" if number.equation else "")
    if stage.choice:
        grid.add_row("", Text(stage.choice, style="italic"))
    if stage.principle:
        grid.add_row("principle", f"({stage.principle}) {PRINCIPLES[stage.principle]}", style="dim")
    title = Text(f"{stage.stage}. {stage.title}", style="bold")
    return Panel(grid, title=title, title_align="left")


def _say_stage(console: Console, stage: Stage) -> None:
    """Print a stage where its panel has no room."""
    say(console, f"{stage.stage}. {stage.title}")
    for number in stage.numbers:
        value = f"{number.value:,}" if isinstance(number.value, int) else number.value
        equation = f" (eq. {number.equation})" if number.equation else ""
        say(console, f"  {number.symbol} = {number.formula}{f' = {value}' if value else ''}{equation}")
    if stage.choice:
        say(console, f"  {stage.choice}")
    if stage.principle:
        say(console, f"  principle ({stage.principle}) {PRINCIPLES[stage.principle]}")


def _resource_table(plan: ArchitecturePlan) -> Table:
    table = Table(title="Resources R (weights int8, biases int32, activations int8, cell state int16)")
    for column in ("layer", "weights", "biases", "bytes", "MACs", "values in", "values out"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for layer in plan.layers:
        figures = (layer.weights, layer.biases, layer.bytes, layer.macs, layer.values_in, layer.values_out)
        table.add_row(layer.name, *(f"{figure:,}" for figure in figures))
    table.add_section()
    table.add_row(Text("all", style="bold"), "", "", f"{plan.weight_bytes:,}", f"{plan.macs:,}", "", "")
    table.caption = (
        f"{plan.parameters:,} parameters; at most {plan.activation_bytes:,} bytes of activations and state live"
    )
    return table


def _candidate_table(users: int, budget: Budget, fitting: tuple[ArchitecturePlan, ...]) -> Table:
    limits = ", ".join(f"{name} {limit:,}" for name, limit in budget.limits.items())
    considered = len(candidates(users))
    table = Table(title=f"Equation 4: {len(fitting)} of {considered} structures satisfy R <= R_max ({limits})")
    for column in ("", "maps", "hidden", "parameters", "flash bytes", "RAM bytes", "MACs"):
        table.add_column(column, justify="right")
    for place, plan in enumerate(fitting[:_SHOWN]):
        maps = " and ".join(map(str, plan.maps))
        figures = (plan.hidden, plan.parameters, *resources(plan).values())
        table.add_row(
            "build" if place == 0 else "", maps, *(f"{n:,}" for n in figures), style="bold" if place == 0 else ""
        )
    rest = f" ({len(fitting) - _SHOWN} more with --json)" if len(fitting) > _SHOWN else ""
    table.caption = f"first what keeps most of the principles, then most parameters{rest}"
    if not budget.allows(nominal := candidates(users)[0]):
        needs = ", ".join(f"{name} {need:,}" for name, need in resources(nominal).items())
        table.caption = f"the seven stages without a budget need {needs}\n{table.caption}"
    return table
