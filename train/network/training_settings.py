"""Settings of pre-training and of enrolment: with the data and the plan they determine a network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of pre-training: with the data and the plan they determine the backbone."""

    steps: int = 48_000
    rate: float = 3e-3
    seed: int = 1


@dataclass(frozen=True)
class EnrolSettings:
    """Settings of enrolment: with the backbone and the data they determine the network.

    words, symbols: words a step and fragments a word.
    strangers: share of the words that strangers write.
    user_versions, stranger_versions: versions of each fragment, the first as it was written, the others augmented.
    blanked: share of the hidden layer's outputs that are blanked at random in training, so that no user is known by a
    few of them only. The network itself has no dropout (stage 3); without blanking, EER at 8 symbols is a fifth higher.
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
