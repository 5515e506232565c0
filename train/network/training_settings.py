"""Settings of pre-training and of enrolment: with the data and the plan they determine a network."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Augmentation:
    """The largest distortions of a fragment in training.

    They are small, because slant and proportions are what tells writers apart.

    rotation_deg, shear  turn, and slant as a share of the height
    zoom, aspect         change of the size, and of width against height
    shift_px             shift, along each axis by itself
    perspective          change of the size a pixel of way, as if the paper were tilted
    threshold            how far from one half the grey lies at which a blurred fragment's ink begins: strokes become
                         thinner or thicker; 0: none is blurred
    """

    rotation_deg: float = 6.0
    zoom: float = 0.08
    shift_px: float = 1.5
    aspect: float = 0.0
    shear: float = 0.0
    perspective: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of pre-training: with the data and the plan they determine the backbone.

    steps         of the first stage, on single fragments; the second, on words, takes half as many
    groups, each  a step of the first stage: groups of fragments, those of a group by one writer
    decay         weight of the squared weights that tell writers of one symbol apart, in the loss
    blanked       share of the hidden layer's outputs that are blanked at random in training
    augmented     versions of each fragment on which the second stage is trained
    """

    steps: int = 24_000
    rate: float = 3e-3
    seed: int = 1
    groups: int = 136
    each: int = 4
    decay: float = 1e-5
    blanked: float = 0.3
    augmented: int = 12
    augmentation: Augmentation = field(default=Augmentation(aspect=0.04, shear=0.05, perspective=0.002, threshold=40.0))

    @property
    def word_steps(self) -> int:
        """Number of steps of the second stage."""
        return max(1, self.steps // 2)


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
