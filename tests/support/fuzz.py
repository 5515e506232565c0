"""Fuzz targets and their corpus -> whether libFuzzer finds an input that breaks a promise.

Needs clang with libFuzzer: apt-get install --no-install-recommends clang libclang-rt-14-dev. A corpus is a text of
hexadecimal lines; `--renew` makes it anew from what was found, the smallest inputs that reach everything. An input that
breaks a promise is left in the folder named.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware_bridge" / "firmware"
FUZZ = FIRMWARE / "fuzz"
SOURCES: dict[str, tuple[str, ...]] = {
    "frame": ("frame", "crc32", "mem"),
    "session": (
        *("session", "answering", "kept", "outbox", "sealing", "aead", "chacha20", "poly1305", "blake2s"),
        *("wire", "codec", "frame", "crc32", "mem"),
    ),
    "pen": ("pen", "raster", "mem"),
    "raster": ("raster", "mem"),
    "segment": (
        "segment",
        "segment_light",
        "segment_lines",
        "segment_trace",
        "segment_marks",
        "segment_pieces",
        "segment_symbols",
        "segment_fragment",
        "raster",
        "mem",
    ),
}
"""Target -> the files of firmware/core that it needs."""
MAX_INPUT_BYTES = 2048
CORPUS_BYTES = 8192
SANITIZERS = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
HINT = "apt-get install --no-install-recommends clang libclang-rt-14-dev"


def core_source(name: str) -> Path:
    """Return the file NAME.c in firmware/core or a room of it."""
    (path,) = (FIRMWARE / "core").rglob(f"{name}.c")
    return path


def corpus(target: str) -> list[bytes]:
    """Return a target's kept inputs."""
    path = FUZZ / "corpus" / f"{target}.txt"
    return [bytes.fromhex(line) for line in path.read_text().splitlines()] if path.exists() else []


def build(target: str, folder: Path) -> Path:
    """Build the target's program. CalledProcessError if it does not compile."""
    files = [FUZZ / f"fuzz_{target}.c", *(core_source(name) for name in SOURCES[target])]
    program = folder / target
    command = ["clang", "-std=c99", "-O1", "-g", *SANITIZERS, "-I", FIRMWARE / "core", *files, "-o", program]
    subprocess.run(list(map(str, command)), check=True)
    return program


def fuzz(target: str, seconds: int, folder: Path, renew: bool) -> bool:
    """Fuzz for this long and return whether all promises held."""
    program, known, fresh = build(target, folder), folder / f"{target}-known", folder / f"{target}-fresh"
    for place in (known, fresh):
        place.mkdir()
    for number, data in enumerate(corpus(target)):
        (known / f"{number:04}").write_bytes(data)
    limits = [f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", f"-artifact_prefix={folder}/{target}-"]
    command = [program, *limits, "-timeout=10", "-print_final_stats=1", fresh, known]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    runs = [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
    print(f"{target}: {runs[0] if runs else '?'} inputs in {seconds} s, ", end="", file=sys.stderr)
    if done.returncode:
        print(f"BROKEN, see {folder}\n{done.stderr[-4000:]}", file=sys.stderr)
        return False
    print("every promise kept", file=sys.stderr)
    if renew:
        keep(target, program, [fresh, known], folder)
    return True


def keep(target: str, program: Path, found: list[Path], folder: Path) -> None:
    """Write the smallest inputs that reach everything, up to CORPUS_BYTES, as the new corpus."""
    least = folder / f"{target}-least"
    least.mkdir()
    # Counters off: inputs are kept for the code they reach, not for how often, so they stay few.
    command = [program, "-merge=1", "-use_counters=0", least, *found]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    kept, size = [], 0
    for data in sorted((path.read_bytes() for path in least.iterdir()), key=lambda data: (len(data), data)):
        size += len(data)
        if size <= CORPUS_BYTES:
            kept.append(data.hex())
    (FUZZ / "corpus").mkdir(exist_ok=True)
    (FUZZ / "corpus" / f"{target}.txt").write_text("\n".join(kept) + "\n")
    print(f"{target}: {len(kept)} inputs kept", file=sys.stderr)


def main() -> None:
    """Fuzz the targets. Exit code 1 if a promise was broken, 2 if there is no clang."""
    parser = argparse.ArgumentParser(description="Fuzz the firmware.")
    parser.add_argument("targets", nargs="*", default=list(SOURCES), metavar="TARGET", help=", ".join(SOURCES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--renew", action="store_true", help="write the corpus anew")
    options = parser.parse_args()
    if shutil.which("clang") is None:
        parser.error(f"clang is missing: {HINT}")
    folder = Path(tempfile.mkdtemp(prefix="inkgate-fuzz-"))
    kept = [fuzz(target, options.seconds, folder, options.renew) for target in options.targets]
    if all(kept):
        shutil.rmtree(folder)
    sys.exit(not all(kept))


if __name__ == "__main__":
    main()
