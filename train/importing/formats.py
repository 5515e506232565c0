"""A format's name and a person's own files -> a checked set of fragments."""

from dataclasses import dataclass
from pathlib import Path

from edge.ink.fragment_set import FragmentSet
from edge.ink.plausible import check_ink
from train.importing.idx import read_idx_set
from train.importing.inkml import read_inkml
from train.importing.png import read_png_folder
from train.importing.unipen import read_unipen
from train.importing.written import fragments_of_strokes

KIND_OF = {"unipen": "pen", "inkml": "pen", "png": "scan", "idx": "scan"}
"""A format's name -> which of KINDS its writing is, unless something else is said."""


@dataclass(frozen=True)
class Source:
    """What to import: a file or folder, and what a person says beside it.

    labels, writers: further IDX files. writer: who wrote, where the files do not say. invert, transpose: of pictures.
    """

    path: Path
    labels: Path | None = None
    writers: Path | None = None
    writer: str | None = None
    invert: bool = False
    transpose: bool = False


def import_set(form: str, source: Source, kind: str | None = None) -> FragmentSet:
    """Return the fragments of files of a format in KIND_OF, as 8-bit grey.

    Raises ImportedFileError for files that are not what they should be, FragmentSetError for names that cannot be told
    apart or shown, and for pixels that are not dark writing on light paper.
    """
    if form == "idx":
        assert source.labels is not None  # the command line asks for them
        fragments = read_idx_set(
            source.path,
            source.labels,
            source.writers,
            source.writer,
            invert=source.invert,
            transpose=source.transpose,
        )
    elif form == "png":
        fragments = read_png_folder(source.path, source.invert)
    else:
        read = read_unipen if form == "unipen" else read_inkml
        fragments = fragments_of_strokes(read(source.path, source.writer))
    check_ink(fragments.pixels, fragments.writer)
    return fragments.of_kind(kind or KIND_OF[form])
