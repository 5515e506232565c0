"""Tries of somebody in the middle of the line -> how many of his words a host takes for fresh ones.

`PYTHONPATH=.:tests/support python tests/benchmarks/old_words.py [TRIES] [SEED]`; 100,000 tries take some minutes. Exit
code 1 if one was taken, or if a genuine word was not.
"""

import sys

from old_words import counted


def main() -> None:
    """Make the tries and print a line for each kind."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tried, taken = counted(count, seed)
    for name in sorted(tried):
        print(f"{name:10} {taken[name]:7,} of {tried[name]:7,} taken for fresh")
    genuine = tried.pop("genuine")
    right = taken.pop("genuine") == genuine and not sum(taken.values())
    print(f"{sum(taken.values())} of {sum(tried.values()):,}")
    sys.exit(not right)


if __name__ == "__main__":
    main()
