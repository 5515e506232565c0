"""A hash of every ratio, threshold and template that the evidence gives: the same on every machine, or it is not exact.

    python tests/benchmarks/same_bits.py && .ci/aarch64 python tests/benchmarks/same_bits.py

Users and words are whole numbers drawn by a seed, judged by the models of the ready bundle; no network is asked.
"""

import hashlib

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.places import READY, find_bundle
from edge.decision.enrolment import Enrolment
from edge.decision.identify import Identities, Policy

USERS, FRAGMENTS, WORDS = 12, 45, 60


def main() -> None:
    evidence = Bundle.open(find_bundle(READY)).evidence()
    rng = np.random.default_rng(20_261_128)
    size, symbols = len(next(iter(evidence.who.values())).projection), len(evidence.alphabet)
    styles = rng.integers(-90, 91, (USERS, symbols, size))

    def write(user: int, text: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(styles[user, text] + rng.integers(-25, 26, (len(text), size)), -128, 127), np.int8)

    def read(text: np.ndarray) -> np.ndarray:
        doubt = rng.integers(1, 400, (len(text), symbols)).astype(np.float64)
        doubt[np.arange(len(text)), text] = 20_000
        return np.asarray(np.round(np.log(doubt / doubt.sum(axis=1, keepdims=True)), 6))

    found = hashlib.sha256()
    for kind in sorted(evidence.who):
        users = []
        for user in range(USERS):
            text = rng.permutation(np.arange(FRAGMENTS) % symbols)
            features, readings = write(user, text), read(text).astype(np.float32)
            users.append(
                Enrolment(
                    name=f"user {user}",
                    kind=kind,
                    pin="0123" if user == 0 else None,
                    features=features,
                    symbols=text.astype(np.int8),
                    readings=readings,
                    writing=np.zeros(FRAGMENTS, np.int32),
                )
            )
        known = Identities(evidence, users, (), Policy(far=0.003))
        for word in range(WORDS):
            text = rng.integers(0, symbols, 4 + word % 9)
            for opinion in known.opinions(write(word % USERS, text), read(text)):
                found.update(f"{opinion.user} {opinion.ratio.hex()} {opinion.threshold.hex()}\n".encode())
    print(found.hexdigest())


if __name__ == "__main__":
    main()
