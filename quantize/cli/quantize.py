"""`inkgate quantize`: a run -> the int8 bundle."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.status import Status
from rich.text import Text

from edge.bundle.bundle import Bundle
from edge.bundle.signed import sign_bundle
from firmware_bridge.cli.options import FiniteRange, Timed, json_option, plain_console
from firmware_bridge.trust.signing import BUNDLES, find_own_key, load_signing_key

if TYPE_CHECKING:
    from edge.ink.fragment_set import FragmentSet


@click.command()
@click.argument("source", metavar="RUN|BACKBONE.npz", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Directory of the bundle to write.")
@click.option("--far", default=0.01, show_default=True, type=FiniteRange(0, 1), help="FAR at which to accept.")
@click.option(
    "--far-reject",
    default=0.10,
    show_default=True,
    type=FiniteRange(0, 1),
    help="FAR below which a running decision calls the score low.",
)
@click.option(
    "--max-clipped",
    default=0.001,
    show_default=True,
    type=FiniteRange(0, 1),
    help="Refuse a model of which a tensor loses more than this share of its calibration values.",
)
@click.option(
    "--fragments",
    "fragments_path",
    type=click.Path(path_type=Path),
    help="BACKBONE.npz: calibrate on this handwriting (.npz) too, besides what is invented.",
)
@click.option(
    "--evidence",
    "evidence_path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of KIND-background.npz and KIND-development.npz, to fit the evidence of who wrote.",
)
@click.option(
    "--reader",
    default="digits",
    show_default=True,
    help="Reader of symbols to put in: one that comes with inkgate, a folder of `train-reader`, or none.",
)
@click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path),
    help="Sign with this Ed25519 key, not with the one that `inkgate keys create --for bundles` made.",
)
@json_option
@click.pass_context
def quantize(
    ctx: click.Context,
    source: Path,
    out: Path,
    far: float,
    far_reject: float,
    max_clipped: float,
    fragments_path: Path | None,
    evidence_path: Path | None,
    reader: str,
    key_path: Path | None,
    as_json: bool,
) -> None:
    """Turn the trained network of RUN into the int8 bundle that the edge runs.

    Other draws of users in RUN/draws/N become bundles of their own, in RUN/draws/N/bundle.

    A backbone (BACKBONE.npz, with BACKBONE.json beside it) becomes a bundle without users: its network gives the
    features by which users are known who are enrolled on the gate.

    With --evidence (`inkgate data evidence` makes the folder) a bundle knows the users of a roster. Those whom a run's
    network was trained for are then known by its logits too, weighed beside the other evidence.

    A bundle is pinned to the interpreter, its version and the kernels that run here. By default they are XNNPACK's,
    whose arithmetic is the same on x86-64 and on a Raspberry Pi. If XNNPACK is off and other kernels run, a warning
    says so.

    It is signed if there is a key for bundles; a gate refuses one that nobody signed.
    """
    from edge.bundle.run_directory import Run
    from quantize.arithmetic.kernel_sets import differs_by_processor

    console = plain_console()
    key = load_signing_key(key_path) if key_path is not None else find_own_key(BUNDLES)
    # Converting silences file descriptor 2 for a while; the status line is written to a copy of it.
    status_line = plain_console(os.fdopen(os.dup(2), "w"))
    make = (
        _from_backbone(ctx, fragments_path, evidence_path)
        if source.suffix == ".npz"
        else _from_run(ctx, far, far_reject, evidence_path)
    )
    make = partial(make, reader=_find_reader(reader), max_clipped=max_clipped)
    draws = [] if source.suffix == ".npz" else Run.open(source).draws()[1:]
    jobs = [(source, out), *((draw.path, draw.path / "bundle") for draw in draws)]
    made: list[dict[str, Any]] = []
    for number, (given, target) in enumerate(jobs, start=1):
        prefix = f"[{number}/{len(jobs)}] {given}: " if len(jobs) > 1 else ""
        with status_line.status(Text(f"{prefix}starting")) as status:
            command = shlex.join(["inkgate", *sys.argv[1:]])
            bundle = make(given, target, command=command, say=_teller(status, prefix))
        if key is not None:
            sign_bundle(target, key)
        made.append({**_summary(bundle), "signed_by": None if key is None else key.key_id.hex()})
        if not as_json:
            console.print(f"{target}: {made[-1]['model_bytes']:,} bytes of int8 model for {made[-1]['users']} users")
        if differs_by_processor(bundle.manifest.executor.kernels):
            text = (
                f"{target} is pinned to {bundle.manifest.executor.kernels}, for XNNPACK is off here: gates with other "
                "processors will refuse it, for these kernels compute otherwise there; quantise where XNNPACK runs"
            )
            console.print(text, style="yellow", highlight=False, soft_wrap=True)
    if key is None:
        text = (
            f"signed by nobody, for there is no key: gates refuse it without --unsigned; `inkgate keys create --for "
            f"bundles` makes one, then `inkgate bundle sign {out}`"
        )
        console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({**made[0], "draws": made[1:]}))
    else:
        console.print(f"next: inkgate verify {out}")


def _from_run(ctx: click.Context, far: float, far_reject: float, evidence_path: Path | None) -> Callable[..., Bundle]:
    """Return what makes a bundle of a run. click.UsageError for an option that means nothing there."""
    from quantize.make_bundle import make_bundle

    _refuse(ctx, ("fragments_path",), "a run is calibrated on its own handwriting")
    return partial(make_bundle, far_accept=far, far_reject=far_reject, handwriting=_handwriting(evidence_path))


def _from_backbone(
    ctx: click.Context, fragments_path: Path | None, evidence_path: Path | None
) -> Callable[..., Bundle]:
    """Return what makes a bundle of a backbone. click.UsageError for an option that means nothing there."""
    from edge.ink.fragment_set import FragmentSet
    from quantize.make_bundle import make_ready_bundle

    _refuse(ctx, ("far", "far_reject"), "a backbone has no users, for whom thresholds could be fitted")
    fragments = FragmentSet.load(fragments_path) if fragments_path else None
    return partial(make_ready_bundle, fragments=fragments, handwriting=_handwriting(evidence_path))


def _handwriting(folder: Path | None) -> dict[str, FragmentSet] | None:
    """Return the sets in a folder by name. click.UsageError if there are none."""
    from edge.ink.fragment_set import FragmentSet

    if folder is None:
        return None
    found = {path.stem: FragmentSet.load(path) for path in sorted(folder.glob("*.npz"))}
    if not found:
        raise click.UsageError(
            f"--evidence {folder}: there is no .npz; `inkgate data evidence --out {folder}` makes them"
        )
    return found


def _find_reader(name: str) -> tuple[bytes, bytes] | None:
    """Return model and card of a reader: the shipped one of that alphabet, else the one in that folder.

    None for "none". ReaderCardError if there is no reader there.
    """
    from edge.bundle.reader import SHIPPED, find_shipped, read_files

    if name == "none":
        return None
    return find_shipped(name) if (SHIPPED / name).is_dir() else read_files(name)


def _refuse(ctx: click.Context, names: tuple[str, ...], why: str) -> None:
    given = [p.opts[-1] for p in ctx.command.params if p.name in names and _was_given(ctx, p.name)]
    if given:
        raise click.UsageError(f"{why}: leave {', '.join(given)} away")


def _was_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _summary(bundle: Bundle) -> dict[str, Any]:
    manifest, thresholds = bundle.manifest, bundle.manifest.thresholds
    return {
        "bundle": str(bundle.path),
        "sha256": bundle.sha256,
        "users": len(manifest.users),
        "reader": manifest.reader.alphabet if manifest.reader else None,
        "fusion": {kind: found.fusion.weight for kind, found in manifest.inputs.items() if found.fusion is not None},
        "model_bytes": len(bundle.contents["model.tflite"]),
        "executor": {"version": manifest.executor.version, "kernels": manifest.executor.kernels},
        "far": {"target": thresholds.far_accept if thresholds else None, "by_symbols": manifest.error_rates.far},
        "frr": {"by_symbols": manifest.error_rates.frr},
        "threshold_words": thresholds.trials if thresholds else 0,
    }


def _teller(status: Status, prefix: str) -> Callable[[str], None]:
    return lambda step: status.update(Timed(Text(f"{prefix}{step}")))
