"""`inkgate pretrain`: background writers of several sources -> a backbone."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import click

from firmware_bridge.cli.options import SEED, json_option, plain_console, say
from train.cli.bars import progress_bars
from train.cli.data import folder_option

SOURCES = ("qmnist", "qmnist-ink", "unipen", "pendigits")
"""What may be left out. Nothing is trained on pendigits anyway: it stays people and a device that are never seen."""


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The backbone's folder.")
@click.option(
    "--leave-out",
    multiple=True,
    type=click.Choice(SOURCES),
    help="Train without this source; may be given several times. pendigits is never trained on.",
)
@click.option("--steps", type=click.IntRange(1), help="Steps on fragments; half as many follow on words.")
@click.option("--seed", default=1, show_default=True, type=SEED)
@click.option("--force", "may_replace", is_flag=True, help="Replace another backbone that is in --out.")
@folder_option
@json_option
def pretrain(
    out: Path,
    leave_out: tuple[str, ...],
    steps: int | None,
    seed: int,
    may_replace: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Train a backbone on background writers: QMNIST's as scans and as ink, UNIPEN's by several pens.

    If it was killed, it goes on where it was when the same command is given again. It takes about twenty minutes.
    `inkgate train --backbone OUT` enrols users from it.
    """
    from train.network.training_settings import PretrainSettings
    from train.pretraining import PretrainOrder, make_shipped_backbone

    began = time.monotonic()
    settings = PretrainSettings(steps or PretrainSettings.steps, seed=seed)
    command = shlex.join(["inkgate", *sys.argv[1:]])
    with progress_bars() as report:
        order = PretrainOrder(leave_out, settings, data_dir, command, may_replace)
        backbone = make_shipped_backbone(order, out, report)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        keys = ("dataset", "background_writers", "background_fragments", "steps", "final_loss")
        figures = {key: backbone.about[key] for key in keys}
        click.echo(json.dumps({"backbone": str(out), **figures, "seconds": seconds}))
        return
    writers = backbone.about["background_writers"]
    say(plain_console(), f"a backbone from {writers} writers of {backbone.about['dataset']} in {seconds:.0f} s")
    say(plain_console(), f"next: inkgate train --backbone {out} ...")
