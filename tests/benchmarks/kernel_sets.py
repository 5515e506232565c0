"""Generated models, by kernel set -> a table of how many values differ from the interpreter's.

    python tests/benchmarks/kernel_sets.py [--words 10] [--fragments FILE.npz] [--json]

The models have 1 to 200 users, several fragment sizes and depths, ordinary and adversarial weights. The words have 1 to
50 fragments, with the state carried: white, black and random ones, and handwriting if a file of it is given.
On aarch64: `.ci/aarch64 python tests/benchmarks/kernel_sets.py`. Exit code 1 if a value differs where equality is
claimed.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # as pytest does; this is run by itself

from generated_models import Case, cases, draw_words

from edge.bundle.kernels import comparable
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.kernel_sets import kernel_set
from quantize.arithmetic.matmul import single_thread
from quantize.arithmetic.reference import Reference
from quantize.errors import KernelSetError, UnsupportedGraphError
from quantize.interpreter.executors import Tracer, interpreter, run
from quantize.model.graph import load_graph
from quantize.model.words import Words
from quantize.proof.compare import compare, first_mismatch


def compare_kernel_sets(case: Case, words: Words) -> Iterator[dict[str, Any]]:
    """Yield one record for each kernel set: values and mismatches, with the plain interpreter's logits."""
    for kernels in comparable():
        record: dict[str, Any] = {"model": case.name, "kernels": kernels}
        try:
            tracer = Tracer(case.model, kernels)
            reference = Reference.load(case.model, kernel_set(kernels))
        except (KernelSetError, UnsupportedGraphError) as error:
            yield {**record, "refused": str(error)}
            continue
        tensors = compare(tracer, reference, words)
        wrong = first_mismatch(tensors)
        plain, outputs = plain_outputs(case.model, kernels, words), reference.outputs(words)
        unwatched = sum(np.count_nonzero(plain[name] != values) for name, values in outputs.items())
        yield {
            **record,
            "values": sum(t.values for t in tensors),
            "mismatches": sum(t.mismatches for t in tensors) + int(unwatched),
            "max_abs": max(t.max_abs for t in tensors),
            "first": wrong.describe() if wrong else None,
        }


def plain_outputs(model: bytes, kernels: str, words: Words) -> dict[str, Any]:
    """Return the outputs int8 [N, n], by name, of the interpreter as the edge uses it: no tensor is exposed or kept."""
    graph, engine = load_graph(model), interpreter(model, kernels)

    def step(fragment: Any) -> Any:
        engine.set_tensor(graph.input.index, fragment.reshape(graph.input.shape))
        engine.invoke()
        return [engine.get_tensor(output.index).ravel() for output in graph.named_outputs.values()]

    rows = run(words, engine.reset_all_variables, step)
    return {name: np.stack(values) for name, values in zip(graph.named_outputs, zip(*rows, strict=True), strict=True)}


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=10, help="words for each model")
    parser.add_argument("--fragments", type=Path, help="handwriting to use as well (.npz)")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    handwriting = FragmentSet.load(arguments.fragments) if arguments.fragments else None
    failed = False
    totals = {kernels: [0, 0, 0, 0] for kernels in comparable()}
    with single_thread():
        for number, case in enumerate(c for c in cases() if arguments.only in c.name):
            words = draw_words(case.side, arguments.words, number, handwriting)
            records = list(compare_kernel_sets(case, words))
            for record in records:
                total = totals[record["kernels"]]
                total[0] += 1
                total[1] += record.get("values", 0)
                total[2] += record.get("mismatches", 0)
                total[3] += "refused" in record
                failed |= record.get("mismatches", 0) > 0
                if arguments.json:
                    print(json.dumps(record), flush=True)
            if not arguments.json:
                print_row(case.name, records)
    if not arguments.json:
        print()
        for kernels, (models, values, mismatches, refused) in totals.items():
            print(f"{kernels:18} {models} models, {refused} refused, {values:,} values, {mismatches:,} differ")
    return int(failed)


def print_row(name: str, records: list[dict[str, Any]]) -> None:
    """Print one line for a model: values compared, and mismatches by kernel set."""
    cells = ["refused" if "refused" in record else f"{record['mismatches']:,}" for record in records]
    values = max(record.get("values", 0) for record in records)
    print(f"{name:48} {values:>12,} " + " ".join(f"{cell:>10}" for cell in cells), flush=True)
    for record in records:
        remark = record.get("first") or record.get("refused")
        if remark:
            print(f"    {record['kernels']}: {remark}")


if __name__ == "__main__":
    sys.exit(main())
