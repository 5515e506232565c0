"""What a gate's FAR is worth on a device that nothing was fitted to: every source of handwriting held out in turn.

    python tests/benchmarks/left_out_devices.py [--source scan|pen|camera|pendigits ...] [--backbones FOLDER] [--json]

A source is held out of the evidence and of every calibration; the thresholds are those that the other sources set.
pendigits is in neither, so the shipped evidence judges it. With --backbones a source is held out of the features too:
FOLDER/NAME is a backbone pre-trained without it, made there if missing (`inkgate pretrain --leave-out NAME`, about
twenty minutes each). Without --backbones the features are the shipped bundle's, whose pre-training saw other writers of
`scan` and `pen`, but never what a camera makes of writing, nor pendigits.

The writers of a source who serve for nothing else are users, ten a draw, and strangers, by the gate's own rule. They
are enrolled as people of an unknown kind of input, so the likeliest of the other models judges them:

device unknown   a user is alone at the gate: nothing is known of the device, and its strict threshold holds
device known     ten users, whose writing tells of the device; with a claimed name, and with none

"kept" says whether the upper bound of the FAR is at most twice what was set. The reader of symbols is the shipped one.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.places import READY, find_bundle
from edge.bundle.reader import find_shipped
from edge.decision.error_rates import Trials
from edge.decision.identify import Policy
from edge.ink.fragment_set import FragmentSet
from quantize.evidence.fit import fit_evidence
from quantize.make_bundle import make_ready_bundle
from train.data import datasets
from train.data.datasets import Draw
from train.data.evidence_sets import evidence_sets, photographed
from train.evaluation.protocols.figures import Cell, curves, share, told
from train.evaluation.protocols.naming import identify
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task, draw_from, enrol
from train.evaluation.protocols.words import Heard, Job, counted, hear, hear_draws, independent_trials
from train.evaluation.protocols.written import see
from train.pretraining import PIXEL_BITS, PretrainOrder, make_shipped_backbone

USERS = 10
ALONE_PER_USER, ALONE_PER_STRANGER = 20, 4
PHOTOGRAPHS_SEED = 3
LEFT_OUT = {"scan": "qmnist", "pen": "unipen", "camera": "", "pendigits": ""}
"""Source -> what to leave out of pre-training for it; "" where it is in none."""
ALONE, CLAIMED, ANYONE = "device unknown, user alone", "device known, name claimed", "device known, nobody named"


class Features(NamedTuple):
    """The network that sees a source, and what was said of its pre-training."""

    engine: Engine
    pretraining: str


@dataclass(frozen=True, eq=False)
class Row:
    """Figures of one source at one gate after so many symbols; FAR and FRR are the gate's."""

    source: str
    pretraining: str
    judged_as: str
    gate: str
    symbols: int
    far_set: float
    figures: Mapping[str, Cell]

    @property
    def kept(self) -> bool:
        """Return whether the FAR is at most twice what was set, by its upper bound."""
        far = self.figures["gate FAR"]
        assert isinstance(far, dict)
        return far["high"] <= 200 * self.far_set

    def to_dict(self) -> dict[str, Any]:
        told_by_name = {name: getattr(self, name) for name in ("source", "pretraining", "judged_as", "gate", "symbols")}
        return {**told_by_name, "far_set": 100 * self.far_set, **self.figures, "kept": self.kept}


def people(source: str, draws: int) -> tuple[FragmentSet, tuple[Draw, ...]]:
    """Return a source's writers who serve for nothing else, of unknown kind, and draws of users among them."""
    if source in ("scan", "camera"):
        scans = datasets.load("qmnist", pixel_bits=8)
        split = datasets.split_writers(scans)
        chosen = scans.of_writers(split.evaluation)
        chosen = photographed(chosen, PHOTOGRAPHS_SEED) if source == "camera" else chosen
        dealt = tuple(datasets.draw_users(split, USERS, draw) for draw in range(draws))
    else:
        chosen = datasets.load("unipen" if source == "pen" else source, pixel_bits=1)
        if source == "pen":
            chosen = chosen.of_writers(datasets.unipen_development(chosen.writer))
        counts = dict(zip(*(a.tolist() for a in np.unique(chosen.writer, return_counts=True)), strict=True))
        dealt = draw_from(counts, USERS, draws, datasets.SPLIT_SEED)
    return chosen.of_kind("unknown").to_bits(1), dealt


def network(source: str, backbones: Path | None, shipped: Engine) -> Features:
    """Return the network without the source: the shipped one where its pre-training did not see it."""
    name = LEFT_OUT[source]
    if not name:
        return Features(shipped, "without it (shipped)")
    if backbones is None:
        return Features(shipped, "shipped: saw other writers of it")
    folder = backbones / name
    make_shipped_backbone(PretrainOrder((name,), command=f"inkgate pretrain --leave-out {name}"), folder, _say)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "bundle"
        made = make_ready_bundle(folder / f"backbone-{PIXEL_BITS}bit.npz", path, reader=find_shipped("digits"))
        return Features(made.engine(), "without it")


def without(source: str, sets: Mapping[str, FragmentSet]) -> dict[str, FragmentSet]:
    """Return the sets to fit evidence to that are not of a source."""
    return {name: fragments for name, fragments in sets.items() if not name.startswith(f"{source}-")}


def rows_of(source: str, pretraining: str, task: Task, alone: Task) -> list[Row]:
    """Return the figures of a source at the three gates. alone: the task with fewer words, for users by themselves."""
    by_themselves, together = hear_alone(alone), hear_draws(task, f"{source}: words of ten users")
    at_gates: dict[str, Mapping[int, Mapping[str, Cell]]] = {
        ALONE: {length: claimed(draws, task.rounds) for length, draws in by_themselves.items()},
        CLAIMED: {length: claimed([[one] for one in draws], task.rounds) for length, draws in together.items()},
        ANYONE: dict(zip(together, identify(task, together).rows, strict=True)),
    }
    judged, far = judged_as(task), task.common.policy.far
    return [
        Row(source, pretraining, judged[gate == ALONE], gate, length, far, figures)
        for gate, by_length in at_gates.items()
        for length, figures in by_length.items()
    ]


def hear_alone(task: Task) -> dict[int, list[list[Heard]]]:
    """Return every user of every draw heard alone at a gate, by length and draw; strangers are those of the draw."""
    jobs = []
    for length in task.lengths:
        for number, draw in enumerate(task.draws):
            users, rest = enrol(task.written, draw.users)
            theirs = {stranger: task.written.of_writer(stranger) for stranger in draw.strangers}
            for user, writer in zip(users, draw.users, strict=True):
                seed = (task.seed, 6, number, length, writer)
                mine = {writer: rest[writer]}
                jobs.append(Job((user,), (), mine, theirs, length, task.per_user, task.per_stranger, seed))
    heard = iter(spread(hear, task.common, jobs, "words of users alone", task.progress, task.processes))
    return {length: [[next(heard) for _ in draw.users] for draw in task.draws] for length in task.lengths}


def claimed(draws: Sequence[Sequence[Heard]], rounds: int) -> dict[str, Cell]:
    """Return error rates where the writer says who he is. draws: the gates of each draw, which count together."""
    # The gates of a draw hear the same strangers, each under every name: no more trials are independent than of one.
    independent = independent_trials([draw[0] for draw in draws])
    trials = [Trials(*_joined([_arrays(gate.claim_trials) for gate in draw])) for draw in draws]
    entered = [[counted(gate.claim_accepted(gate.theirs), gate.theirs.writers) for gate in draw] for draw in draws]
    refused = [[counted(gate.own < gate.claim, gate.mine.writers) for gate in draw] for draw in draws]
    return {
        **curves(trials, independent, rounds),
        "gate FAR": share([_joined(draw) for draw in entered], rounds, independent),
        "gate FRR": share([_joined(draw) for draw in refused], rounds),
        "independent trials": independent,
    }


def judged_as(task: Task) -> dict[bool, str]:
    """Return the kinds whose models are the likeliest: True, for each user alone; False, for all users of a draw."""
    who = task.common.evidence.who
    kinds = sorted(who)
    alone, together = set(), set()
    for draw in task.draws:
        users, _ = enrol(task.written, draw.users)
        likeness = np.array([[who[kind].likeness(user.features, user.symbols) for kind in kinds] for user in users])
        alone |= {kinds[place] for place in likeness.argmax(axis=1)}
        together.add(kinds[int(likeness.mean(axis=0).argmax())])
    return {True: " or ".join(sorted(alone)), False: " or ".join(sorted(together))}


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table; shares in per cent with bounds."""
    head = (
        "held out",
        "pre-training",
        "judged as",
        "gate",
        "symbols",
        "EER",
        "FAR set",
        "gate FAR",
        "kept",
        "gate FRR",
    )
    lines = [(*head, "independent trials"), ("---",) * (len(head) + 1)]
    for row in rows:
        figure = row.figures
        shares = (told(figure["EER"]), f"{100 * row.far_set:g}", told(figure["gate FAR"]), "yes" if row.kept else "NO")
        about = (row.source, row.pretraining, row.judged_as, row.gate, str(row.symbols))
        lines.append((*about, *shares, told(figure["gate FRR"]), told(figure["independent trials"])))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(
    source: str, sets: Mapping[str, FragmentSet], backbones: Path | None, bundle: Bundle, options: Mapping[str, Any]
) -> list[Row]:
    """Return the figures of a source, its evidence fitted to the other sources' sets. options: fields of the task."""
    features, reader = network(source, backbones, bundle.engine()), bundle.reader()
    others = without(source, sets)
    evidence = bundle.evidence() if others == sets else fit_evidence(features.engine, others, reader.alphabet, _say)
    fragments, draws = people(source, options["draws"])
    written = see(fragments, features.engine, reader, _say)
    common = Common(written, evidence, Policy(far=options["far"]))
    task = Task(common, draws, rounds=options["rounds"], processes=options["processes"], progress=_say)
    alone = replace(task, per_user=ALONE_PER_USER, per_stranger=ALONE_PER_STRANGER)
    return rows_of(source, features.pretraining, task, alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", action="append", choices=tuple(LEFT_OUT), help="hold out this one only")
    parser.add_argument("--backbones", type=Path, metavar="FOLDER", help="of backbones made without each source")
    parser.add_argument("--draws", type=int, default=3, help="draws of ten users (default: %(default)s)")
    parser.add_argument("--far", type=float, default=0.01, help="share of strangers risked (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="of the bootstrap (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that compute (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    bundle, sets = Bundle.open(find_bundle(READY)), evidence_sets()
    rows = []
    for source in arguments.source or LEFT_OUT:
        rows += measure(source, sets, arguments.backbones, bundle, vars(arguments))
    print(json.dumps([row.to_dict() for row in rows], indent=2) if arguments.json else markdown(rows))


def _joined(gates: Sequence[tuple[npt.NDArray[Any], ...]]) -> tuple[npt.NDArray[Any], ...]:
    """Return several gates' arrays, each joined to those of its kind."""
    return tuple(np.concatenate(arrays) for arrays in zip(*gates, strict=True))


def _arrays(trials: Trials) -> tuple[npt.NDArray[Any], ...]:
    return trials.genuine, trials.impostor, trials.genuine_writers, trials.impostor_writers


_LAST = [""]


def _say(what: str, done: int, of: int, _loss: float | None = None) -> None:
    """Tell a step when it begins and when it has ended."""
    if what != _LAST[0] or done == of:
        print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)
    _LAST[0] = what


if __name__ == "__main__":
    main()
