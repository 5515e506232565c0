"""A picture file of anybody's -> the grey picture that a camera board would take of it."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge.errors import PictureError
from edge.ink.fragment import Pixels
from firmware_bridge.files import read_file

CAMERA = 320, 240
"""Width and height of a camera board's picture."""
FORMATS = "PNG", "JPEG"

_MOST_BYTES = 64 << 20
_MOST_PIXELS = 100_000_000
_DEEP = "I;16", "I;16L", "I;16B", "I;16N", "I"


def read_picture(path: Path) -> Pixels:
    """Return a PNG or JPEG picture as grey, uint8 [rows, columns], at most as large as a camera board's.

    A larger one is scaled down, each pixel the mean of those that it covers, until it fits into CAMERA; sides keep
    their proportion, and a smaller one stays as it is. Clear parts are white; 16 bits become 8; a JPEG is turned
    upright. PictureError if the file is no picture, cut short, or has more than 100,000,000 pixels.
    """
    try:
        raw = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise PictureError(f"{path}: cannot be read: {error.strerror or error}: name a PNG or JPEG picture") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise PictureError(f"{path}: more than {_MOST_PIXELS:,} pixels: scale it down")
                picture.load()
                return _fitting(_grey(picture))
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: neither a PNG nor a JPEG picture: save it as one of these") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path}: more than {_MOST_PIXELS:,} pixels: scale it down") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"{path}: damaged or cut short ({error}): copy it again") from error


def _grey(picture: Image.Image) -> Image.Image:
    """Return a picture of any kind in 8 bits of grey, upright, on white."""
    if picture.mode in _DEEP:
        return Image.fromarray(np.asarray(np.clip(np.asarray(picture, np.int64) >> 8, 0, 255), np.uint8))
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("L")


def _fitting(grey: Image.Image) -> Pixels:
    """Return the picture, scaled down if it is larger than a camera's."""
    part = min(1.0, CAMERA[0] / grey.width, CAMERA[1] / grey.height)
    if part < 1:
        size = max(1, round(grey.width * part)), max(1, round(grey.height * part))
        grey = grey.resize(size, Image.Resampling.BOX)
    return np.asarray(grey, np.uint8)
