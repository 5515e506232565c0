"""Make every call of a gate that can fail do so, in every way -> tests/faults.md; exit code 1 if anything may not be.

    python tests/benchmarks/every_fault.py [--log build/faults.jsonl] [--kinds system,database] [--sites TEXT]

All of it takes half an hour of one quiet core. The log has a line for each fault that was tried and did no harm; it is
gone on with. --kinds and --sites try a part; the table is written once every fault is in the log.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from call_sites import all_files, sites_of
from fault_table import TABLE, Order, Runner, ending, orders, table, wrong_with

RECORDINGS = 3
"""How often it is recorded which calls are reached: some are not each time."""


def key(order: Order) -> tuple[str, ...]:
    return order["site"], order["kind"], order["fault"], order["when"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default="")
    parser.add_argument("--sites", default="")
    parser.add_argument("--log", type=Path, default=Path("build/faults.jsonl"))
    asked = parser.parse_args()
    kinds = set(filter(None, asked.kinds.split(",")))
    asked.log.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in asked.log.read_text().splitlines()] if asked.log.exists() else []
    done = {key(record): record["led"] for record in known}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, Runner(Path(folder)) as runner, asked.log.open("a") as log:
        sites = {site: found for _ in range(RECORDINGS) for site, found in runner.run()["sites"].items()}
        every = list(orders(sites))
        for order in every:
            if key(order) in done or (kinds and order["kind"] not in kinds) or asked.sites not in order["site"]:
                continue
            result = runner.run(order)
            if problems := wrong_with(order, result):
                wrong += 1
                print(f"{order['site']} {order['fault']} ({order['when']}): {'; '.join(problems)}", flush=True)
                continue
            done[key(order)] = ending(result) if result["hits"] else "not reached"
            log.write(json.dumps({**order, "led": done[key(order)]}) + "\n")
            log.flush()
    # What only some recordings reach, such as what is sent again, was tried when it was reached.
    standing = {"|".join(site) for path in all_files() for site in sites_of(path)}
    every += [r for r in known if r["site"] not in sites and r["site"] in standing]
    sites |= {r["site"]: {"kind": r["kind"]} for r in every if r["site"] not in sites}
    left = sum(key(order) not in done for order in every)
    print(f"{len(every)} faults at {len(sites)} sites: {wrong} wrong, {left} not tried or wrong")
    if not left:
        counts: dict[str, Counter[str]] = {}
        for order in every:
            counts.setdefault(order["site"], Counter())[done[key(order)]] += 1
        TABLE.write_text(table(sites, {site: dict(count) for site, count in counts.items()}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
