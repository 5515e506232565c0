"""`inkgate train`: users to enrol -> a run directory."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.decision.rule import FAR_UNKNOWN
from firmware_bridge.cli.options import SEED, complete_dataset, json_option, plain_console, say
from train.cli.bars import progress_bars
from train.trained_run import FAR_SCOPE, plan_of

if TYPE_CHECKING:
    pass


@click.command()
@click.option(
    "--dataset",
    required=True,
    metavar="qmnist|synthetic|FILE.npz",
    help="Whose writing.",
    shell_complete=complete_dataset,
)
@click.option("--users", required=True, type=click.IntRange(1, 1000), help="K, how many users to enrol.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The run directory.")
@click.option("--draws", default=1, show_default=True, type=click.IntRange(1, 100), help="Draws of users.")
@click.option(
    "--strangers",
    metavar="qmnist|synthetic|FILE.npz",
    shell_complete=complete_dataset,
    help=f"Take strangers from here, not from DATASET. {FAR_SCOPE}.",
)
@click.option(
    "--far-unknown",
    is_flag=True,
    help="Train though --strangers used another kind of input; the gate then accepts nobody.",
)
@click.option(
    "--pixel-bits", default="1", type=click.Choice(["1", "8"]), help="What the wire carries.", show_default=True
)
@click.option("--seed", default=1, show_default=True, type=SEED)
@click.option("--steps", type=click.IntRange(1), help="Steps of enrolment.")
@click.option(
    "--backbone", type=click.Path(path_type=Path, file_okay=False), help="Enrol from the backbone in this folder."
)
@click.option("--from-scratch", is_flag=True, help="Pre-train a backbone on DATASET's background writers first.")
@click.option("--pretrain-steps", type=click.IntRange(1), help="Steps of --from-scratch.")
@click.option(
    "--pretrain-from", type=click.Choice(["1", "8"]), help="Pre-train on from the shipped backbone of so many bits."
)
@click.option(
    "--force", "--replace", "may_replace", is_flag=True, help="Replace a run in --out that was made otherwise."
)
@json_option
def train(
    dataset: str,
    users: int,
    out: Path,
    draws: int,
    strangers: str | None,
    far_unknown: bool,
    pixel_bits: str,
    seed: int,
    steps: int | None,
    backbone: Path | None,
    from_scratch: bool,
    pretrain_steps: int | None,
    pretrain_from: str | None,
    may_replace: bool,
    as_json: bool,
) -> None:
    """Enrol K users of a dataset from the shipped backbone into a run directory.

    If it was killed, it goes on where it was when the same command is given again. A run made otherwise is kept unless
    --force is given. With --from-scratch the backbone is trained too, on the background writers, which takes about
    half an hour.
    """
    if from_scratch and backbone is not None:
        raise click.UsageError("--backbone and --from-scratch exclude each other")
    if (pretrain_steps or pretrain_from) and not from_scratch:
        raise click.UsageError("--pretrain-steps and --pretrain-from belong to --from-scratch")
    # None of these imports loads TensorFlow, which takes seconds: what is wrong with the order is reported before.
    from train.enrol import Order, make_backbone, train_draws
    from train.network.backbone import SHIPPED, Backbone
    from train.network.training_settings import EnrolSettings, PretrainSettings

    began = time.monotonic()
    settings = EnrolSettings(seed=seed, **({"steps": steps} if steps else {}))
    order = Order(dataset, users, int(pixel_bits), seed, settings, _command(), strangers, may_replace, far_unknown)
    with progress_bars() as report:
        if from_scratch:
            pretraining = PretrainSettings(pretrain_steps or PretrainSettings.steps)
            before = Backbone.load(int(pretrain_from)) if pretrain_from else None
            start, _ = make_backbone(order, out, pretraining, before, report)
        else:
            start = Backbone.load(order.pixel_bits, backbone or SHIPPED)
        runs = train_draws(order, start, out, draws, report)
    elapsed = time.monotonic() - began
    console = plain_console()
    plan = plan_of(runs[0])
    if as_json:
        figures = {"run": str(out), "users": list(runs[0].config.users), "draws": draws, "parameters": plan.parameters}
        figures |= {"strangers": strangers or dataset, "far_known": runs[0].config.far_known}
        click.echo(json.dumps({**figures, "seconds": round(elapsed, 1)}))
    else:
        say(console, f"{users} users enrolled in {elapsed:.0f} s: {', '.join(runs[0].config.users)}")
        say(console, f"next: inkgate quantize {out} --out {out / 'bundle'}")
    if strangers is not None:
        say(console, f"strangers come from {strangers}, not from the users' device. {FAR_SCOPE}.")
    if not runs[0].config.far_known:
        say(console, f"gate: {FAR_UNKNOWN}")


def _command() -> str:
    return shlex.join(["inkgate", *sys.argv[1:]])
