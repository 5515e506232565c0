"""How long a word of 8 symbols takes to be decided among 10, 100 and 1,000 users of the ready bundle, on one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/decision_speed.py

Users and words are invented: 40 writers, each of whom stands for several users with other fragments of his. The times
are of the processor, not of the clock; what the networks take for the fragments is told beside.
"""

import time

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.places import READY, find_bundle
from edge.decision.enrolment import Enrolment
from edge.decision.identify import Identities, Policy
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import sample_words
from train.synthetic.writers import synthetic_set

WRITERS, FRAGMENTS, SYMBOLS, WORDS = 40, 80, 8, 40


def main() -> None:
    bundle = Bundle.open(find_bundle(READY))
    evidence, engine, reader = bundle.evidence(), bundle.engine(), bundle.reader()
    written = synthetic_set(WRITERS, FRAGMENTS, seed=5).to_bits(1)
    codes = to_int8(written.pixels)
    start = time.process_time()
    features, readings = engine.features(codes), reader.read(codes)
    network_ms = 1000 * (time.process_time() - start) / len(codes)
    rng = np.random.default_rng(1)

    def enrol(number: int) -> Enrolment:
        mine = rng.choice(np.flatnonzero(written.writer == number % WRITERS), FRAGMENTS // 2, replace=False)
        return Enrolment(
            name=f"user {number}", kind="pen", features=features[mine],
            symbols=readings[mine].argmax(1).astype(np.int8), readings=readings[mine].astype(np.float32),
            writing=np.zeros(len(mine), np.int32),
        )  # fmt: skip

    words, _ = sample_words(written, written.writers, SYMBOLS, 1, rng)
    for users in (10, 100, 1000):
        start = time.process_time()
        known = Identities(evidence, [enrol(number) for number in range(users)], (), Policy())
        prepared = time.process_time() - start
        for word in words:  # matrices that words share are computed once
            known.judge(features[word], readings[word], final=True)
        times = []
        for word in words[:WORDS]:
            start = time.process_time()
            known.judge(features[word], readings[word], final=True)
            times.append(1000 * (time.process_time() - start))
        print(
            f"{users} users: {np.median(times):.1f} ms a word (9 in 10 below {np.quantile(times, 0.9):.1f}), "
            f"prepared in {prepared:.2f} s"
        )
    print(f"both networks: {network_ms:.2f} ms a fragment")


if __name__ == "__main__":
    main()
