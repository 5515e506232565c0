"""`inkgate quantize`: a run -> the int8 bundle."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.status import Status
from rich.text import Text

from edge.bundle.bundle import Bundle
from firmware_bridge.cli.options import json_option, plain_console


@click.command()
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Directory of the bundle to write.")
@click.option("--far", default=0.01, show_default=True, type=click.FloatRange(0, 1), help="FAR at which to accept.")
@click.option(
    "--far-reject",
    default=0.10,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="FAR below which a running decision calls the score low.",
)
@click.option(
    "--max-clipped",
    default=0.001,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Refuse a model of which a tensor loses more than this share of its calibration values.",
)
@json_option
def quantize(run_path: Path, out: Path, far: float, far_reject: float, max_clipped: float, as_json: bool) -> None:
    """Turn the trained network of RUN into the int8 bundle that the edge runs.

    Other draws of users in RUN/draws/N become bundles of their own, in RUN/draws/N/bundle.

    A bundle is pinned to the interpreter, its version and the kernels that run here. By default they are XNNPACK's,
    whose arithmetic is the same on x86-64 and on a Raspberry Pi. If XNNPACK is off and other kernels run, a warning
    says so.
    """
    from edge.bundle.run_directory import Run
    from quantize.arithmetic.kernel_sets import differs_by_processor
    from quantize.make_bundle import make_bundle

    console = plain_console()
    # Converting silences file descriptor 2 for a while; the status line is written to a copy of it.
    status_line = plain_console(os.fdopen(os.dup(2), "w"))
    jobs = [(run_path, out), *((draw.path, draw.path / "bundle") for draw in Run.open(run_path).draws()[1:])]
    made: list[dict[str, Any]] = []
    for number, (source, target) in enumerate(jobs, start=1):
        prefix = f"[{number}/{len(jobs)}] {source}: " if len(jobs) > 1 else ""
        with status_line.status(Text(f"{prefix}starting")) as status:
            bundle = make_bundle(
                source,
                target,
                far_accept=far,
                far_reject=far_reject,
                max_clipped=max_clipped,
                command=shlex.join(["inkgate", *sys.argv[1:]]),
                say=_teller(status, prefix),
            )
        made.append(_summary(bundle))
        if not as_json:
            console.print(f"{target}: {made[-1]['model_bytes']:,} bytes of int8 model for {made[-1]['users']} users")
        if differs_by_processor(bundle.manifest.executor.kernels):
            text = (
                f"{target} is pinned to {bundle.manifest.executor.kernels}, for XNNPACK is off here: gates with other "
                "processors will refuse it, for these kernels compute otherwise there; quantise where XNNPACK runs"
            )
            console.print(text, style="yellow", highlight=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({**made[0], "draws": made[1:]}))
    else:
        console.print(f"Next: inkgate verify {out}")


def _summary(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "bundle": str(bundle.path),
        "sha256": bundle.sha256,
        "users": len(manifest.users),
        "model_bytes": len(bundle.contents["model.tflite"]),
        "executor": {"version": manifest.executor.version, "kernels": manifest.executor.kernels},
        "far": {"target": manifest.thresholds.far_accept, "by_symbols": manifest.error_rates.far},
        "frr": {"by_symbols": manifest.error_rates.frr},
        "threshold_words": manifest.thresholds.trials,
    }


def _teller(status: Status, prefix: str) -> Callable[[str], None]:
    return lambda step: status.update(Text(f"{prefix}{step}"))
