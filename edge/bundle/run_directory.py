"""A run directory -> its config, plan and sets of fragments, refused if they are damaged."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge.bundle.places import explain_no_run
from edge.bundle.run_files import CONFIG, DRAWS, PLAN
from edge.errors import FragmentSetError, RunError
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.files import read_file


class RunConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The content of config.json.

    users: names in label order, that of the logits. user_writers: their ids in the sets of fragments. strangers: the
    source of everybody who is no user, None where that is the dataset itself. far_known: whether strangers used the
    users' kind of input; if not, nothing is known of the FAR.

    What has a default may be missing, as in runs of earlier versions; unknown fields are ignored.
    """

    users: tuple[str, ...]
    user_writers: tuple[int, ...]
    pixel_bits: int
    dataset: str = "unknown"
    data_sha256: str = ""
    seed: int
    draw: int = 0
    settings: dict[str, Any] = {}
    backbone: dict[str, Any] = {}
    versions: dict[str, str] = {}
    command: str = ""
    created: str = ""
    strangers: str | None = None
    far_known: bool = True


@dataclass(frozen=True)
class Run:
    """A run directory whose config and plan were read and fit each other.

    plan: the content of plan.json.
    """

    path: Path
    config: RunConfig
    plan: dict[str, Any]

    @staticmethod
    def open(path: Path) -> "Run":
        """Read a run directory's config and plan.

        RunError, naming the file, if one is missing or damaged, or if they do not have the same users.
        """
        config, plan = read_config(path), _read(path / PLAN, dict[str, Any])
        users = len(config.users)
        if plan.get("users", users) != users:
            raise RunError(f"{path}: {users} users where the plan has {plan['users']}; train it again")
        return Run(path, config, plan)

    def fragments(self, name: str) -> FragmentSet:
        """Load a set of fragments of the run by its file's name. RunError if it is missing or damaged."""
        try:
            return FragmentSet.load(self.path / name)
        except FragmentSetError as error:
            raise RunError(f"the run is not whole: {error}; `inkgate train --out {self.path}` makes it anew") from error

    def find_fragments(self, name: str) -> FragmentSet | None:
        """Load a set of fragments as `fragments` does, but return None if the run has no such file."""
        return self.fragments(name) if (self.path / name).is_file() else None

    def draws(self) -> "list[Run]":
        """Return this run, then the runs of other draws of users below it, in order."""
        others = [entry for entry in (self.path / DRAWS).glob("*") if (entry / CONFIG).is_file()]
        return [self, *(Run.open(entry) for entry in sorted(others, key=lambda entry: (len(entry.name), entry.name)))]


def read_config(path: Path) -> RunConfig:
    """Read the config.json of a run directory.

    RunError, naming the file, if it is missing or damaged, or has no users or not as many writers.
    """
    config: RunConfig = _read(path / CONFIG, RunConfig)
    users, writers = len(config.users), len(config.user_writers)
    if not users or users != writers:
        raise RunError(f"{path / CONFIG}: {users} users and {writers} writer ids do not match; train it again")
    return config


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(read_file(path), type=kind)
    except OSError as error:
        raise RunError(explain_no_run(path.parent, f"{path.name}: {error.strerror}")) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: damaged run: {error}; train it again") from error
