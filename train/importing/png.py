"""A folder of PNG pictures, one symbol each, named by writer and symbol -> a set of fragments."""

import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edge.ink.fragment_set import FragmentSet
from train.errors import ImportedFileError
from train.importing.pictures import LARGEST_SIDE, fragment_of
from train.importing.reading import files_of, read_bytes
from train.importing.written import fragments_of_pictures

_NAME = re.compile(r"^(?P<symbol>.+?)(?:_(?P<number>\d+))?$")
_UNKNOWN = "unknown"


def read_png_folder(source: Path, invert: bool = False) -> FragmentSet:
    """Return the fragments of a folder's pictures, by the writers' names and the files' numbers.

    A picture is WRITER/SYMBOL_NUMBER.png or WRITER/SYMBOL/ANYTHING.png; SYMBOL is one character, or `unknown`. Clear
    parts of a picture are white. invert: see `fragment_of`. Raises ImportedFileError, which names the file.
    """
    if not source.is_dir():
        raise ImportedFileError(f"{source}: not a folder; it holds WRITER/SYMBOL_1.png, WRITER/SYMBOL_2.png, ...")
    named = sorted((_named(path, source), path) for path in files_of(source, (".png",)))
    pixels = np.stack([fragment_of(_grey(path), str(path), invert) for _, path in named])
    characters = ["" if name[2] == _UNKNOWN else name[2] for name, _ in named]
    return fragments_of_pictures(pixels, [name[0] for name, _ in named], characters)


def _named(path: Path, source: Path) -> tuple[str, int, str]:
    """Return writer, number and symbol by the path of a picture."""
    folders = path.relative_to(source).parent.parts
    found = _NAME.match(path.stem)
    number = int(found["number"] or 0) if found and len(found["number"] or "") < 10 else 0
    symbol = folders[1] if len(folders) == 2 else found["symbol"] if found else ""
    if len(folders) not in (1, 2) or (len(symbol) != 1 and symbol != _UNKNOWN):
        raise ImportedFileError(
            f"{path}: is neither WRITER/SYMBOL_NUMBER.png nor WRITER/SYMBOL/FILE.png in {source}; a symbol is one "
            f"character, or `{_UNKNOWN}`"
        )
    return folders[0], number, symbol


def _grey(path: Path) -> NDArray[np.uint8]:
    """Return a picture as grey values [H, W]."""
    raw = read_bytes(path)
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
            if max(picture.size) > LARGEST_SIDE:
                raise ImportedFileError(f"{path}: larger than {LARGEST_SIDE} pixels")
            clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return np.asarray(Image.alpha_composite(white, clear).convert("L"))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImportedFileError(f"{path}: no PNG picture, or a damaged one ({error})") from error
