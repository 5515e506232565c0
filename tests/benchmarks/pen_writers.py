"""The gate's FAR and FRR on people with a pen that the ready bundle never saw: OURS.npz enrols, WORDS.npz tries.

    python tests/benchmarks/pen_writers.py OURS.npz WORDS.npz

Ten writers of OURS.npz are enrolled without training; those of WORDS.npz who are not in OURS.npz are strangers.
"""

import sys
from pathlib import Path

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.places import READY, find_bundle
from edge.decision.enrolment import Enrolment
from edge.decision.identify import Identities, Policy
from edge.decision.rule import Verdict
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet, sample_words

USERS, DRAWS, LENGTHS, WORDS = 10, 2, (4, 8, 12), 20


def main(ours_path: Path, words_path: Path) -> None:
    bundle = Bundle.open(find_bundle(READY))
    evidence, engine, reader = bundle.evidence(), bundle.engine(), bundle.reader()
    ours, words = (FragmentSet.load(path).to_bits(1) for path in (ours_path, words_path))
    seen = [(engine.features(to_int8(s.pixels)), reader.read(to_int8(s.pixels))) for s in (ours, words)]
    (features, readings), tried = seen

    def enrol(writer: int) -> Enrolment:
        mine = np.flatnonzero(ours.writer == writer)
        read = readings[mine]
        return Enrolment(
            name=ours.name_of(writer), kind="unknown", features=features[mine], symbols=read.argmax(1).astype(np.int8),
            readings=read.astype(np.float32), writing=np.zeros(len(mine), np.int32),
        )  # fmt: skip

    rng = np.random.default_rng(0)
    everyone = {ours.name_of(int(writer)) for writer in ours.writers}
    strangers = [writer for writer in words.writers if words.name_of(int(writer)) not in everyone]
    for draw in range(DRAWS):
        users = [enrol(int(writer)) for writer in rng.permutation(ours.writers)[:USERS]]
        known, names = Identities(evidence, users, [], Policy()), {user.name for user in users}
        own = [writer for writer in words.writers if words.name_of(int(writer)) in names]
        for length in LENGTHS:
            rates = []
            for who in (strangers, own):
                index, writers = sample_words(words, who, length, WORDS, rng)
                found = [known.judge(tried[0][word], tried[1][word], final=True) for word in index]
                right = [d.user == words.name_of(int(w)) for d, w in zip(found, writers, strict=True)]
                rates.append(
                    np.mean([d.verdict is Verdict.ACCEPT for d in found]) if who is strangers else 1 - np.mean(right)
                )
            print(f"draw {draw}, {length} symbols: FAR {100 * rates[0]:.2f} %, FRR {100 * rates[1]:.1f} %")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
