"""Arrays in memory <-> one `.npz` file that only its owner may read."""

import math
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import FragmentSetError
from firmware_bridge.files import open_file, writing

Arrays = dict[str, npt.NDArray[Any]]

_SUFFIX = ".npy"
_HEADER_BYTES = 16_384  # the header of an .npy file is far smaller


def read_arrays(source: Path, limits: Mapping[str, int]) -> Arrays:
    """Return those of the wanted arrays that the file has; others in it are neither read nor unpacked.

    limits: the wanted names, and how many bytes each array may have. No array is ever unpickled: a set of fragments
    cannot carry code. FragmentSetError, naming the file, if it is missing, not an .npz file, truncated, damaged, or if
    a wanted array is larger than allowed.
    """
    try:
        with open_file(source) as stream:
            if stream.read(2) != b"PK":
                raise FragmentSetError(
                    f"{source}: not an .npz file; `inkgate data export` and `inkgate capture` make one"
                )
            with zipfile.ZipFile(stream) as archive:
                members = {name.removesuffix(_SUFFIX): name for name in archive.namelist() if name.endswith(_SUFFIX)}
                wanted = [name for name in limits if name in members]
                _check_sizes(source, {name: archive.getinfo(members[name]).file_size for name in wanted}, limits)
                return {name: _read(archive, members[name]) for name in wanted}
    except FragmentSetError:
        raise
    except FileNotFoundError as error:
        raise FragmentSetError(
            f"{source}: no such file; `inkgate data export` and `inkgate capture` make one"
        ) from error
    except OSError as error:
        raise FragmentSetError(f"{source}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, KeyError, NotImplementedError) as error:
        # NotImplementedError: zipfile's, for a compression or a version of the format that it cannot read.
        raise FragmentSetError(f"{source}: truncated or damaged ({error}); copy or make it again") from error
    except TypeError as error:
        raise FragmentSetError(f"{source}: {error}") from error
    except Exception as error:
        # zlib and lzma raise their own errors for damaged streams; each of them means the same to a person.
        raise FragmentSetError(f"{source}: cannot be read ({type(error).__name__}: {error})") from error


def write_arrays(target: Path, arrays: Arrays) -> None:
    """Write the arrays as `.npz`, readable by its owner only: handwriting is biometric.

    A folder that it makes is its owner's alone too. A reader sees the old file or the whole new one; a link at `target`
    stays one. UnwritableError if it cannot be written.
    """
    place = Path(os.path.realpath(target))
    with writing(target):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stored: dict[str, Any] = dict(arrays)
                np.savez_compressed(stream, **stored)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(place)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _check_sizes(source: Path, sizes: Mapping[str, int], limits: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        if size > limits[name] + _HEADER_BYTES:
            raise FragmentSetError(f"{source}: {name} has {size:,} bytes, of which {limits[name]:,} are read at most")


def _read(archive: zipfile.ZipFile, member: str) -> npt.NDArray[Any]:
    """Return an array whose header promises what the member holds: nothing larger is ever made.

    ValueError if it is damaged, TypeError if it holds objects.
    """
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        if dtype.hasobject:
            name = member.removesuffix(_SUFFIX)
            raise TypeError(f"{name} is an array of Python objects; give it a type of numbers or text")
        if stream.tell() + math.prod(shape) * dtype.itemsize != archive.getinfo(member).file_size:
            raise ValueError(f"{member}: its header promises another number of bytes")
    with archive.open(member) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of format {version} cannot be read")
    shape, _, dtype = read(stream)
    return shape, dtype
