"""Settings of a reader's training: with structure and data they determine the network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Distortion:
    """The largest distortions of a fragment, which leave a symbol what it is.

    rotation_deg, shear  turn, and slant as a share of the height
    zoom                 change of width and height, each by itself
    shift_px             shift, along each axis by itself
    elastic_px           standard deviation of the displacements that bend the strokes
    threshold            how far from 128 the grey lies at which ink begins: strokes become thinner or thicker
    """

    rotation_deg: float = 8.0
    shear: float = 0.15
    zoom: float = 0.1
    shift_px: float = 1.5
    elastic_px: float = 0.6
    threshold: float = 44.0


@dataclass(frozen=True)
class ReaderSettings:
    """Settings of a training.

    steps, batch  number of steps, and of fragments in each
    rate          highest rate of Adam: reached after 5 % of the steps, then lowered to 0 along a cosine
    decay         share of the rate by which weights shrink in each step
    blanked       share of the hidden layer's outputs that are blanked at random in training
    distortion    of every fragment, which then has 1 bit a pixel; None: pixels as they are
    """

    steps: int
    batch: int
    rate: float
    decay: float
    blanked: float
    distortion: Distortion | None
    seed: int = 1


SETTINGS = {
    "shipped": ReaderSettings(steps=14_000, batch=256, rate=3e-3, decay=0.02, blanked=0.3, distortion=Distortion()),
    "published": ReaderSettings(steps=4_000, batch=128, rate=1e-3, decay=0.0, blanked=0.0, distortion=None),
}
"""A structure's name -> the settings of its training."""
