"""Numbers that, with the data and the plan, determine a network: how a backbone is pre-trained, how users enrol."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PretrainSettings:
    """How the backbone is trained; with the data and the plan this determines it."""

    steps: int = 48_000
    rate: float = 3e-3
    seed: int = 1


@dataclass(frozen=True)
class EnrolSettings:
    """How users are enrolled; with backbone and data this determines the network.

    versions: augmented versions of each fragment of a user and of a stranger, the first one as it was written.
    strangers: share of the words that strangers write.
    blanked: share of the hidden layer's outputs that are blanked at random in training, so that no user is known by a
    few of them only. The network itself has no dropout (stage 3); without this, EER at 8 symbols is a fifth higher.
    """

    steps: int = 5000
    rate: float = 3e-3
    words: int = 100
    symbols: int = 12
    strangers: float = 0.5
    user_versions: int = 24
    stranger_versions: int = 3
    blanked: float = 0.3
    seed: int = 1
