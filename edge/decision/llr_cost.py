"""Log-likelihood ratios of genuine users and impostors -> what they cost, in bits (C_llr), and the least they could.

N. Bruemmer, J. du Preez: Application-independent evaluation of speaker detection, 2006.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def cllr(genuine: Floats, impostor: Floats) -> float:
    """Return the cost of log-likelihood ratios in bits: 0 for perfect ones, 1 for ones that say nothing.

    C_llr = 1/2 (mean log2(1 + e^-x) over genuine x + mean log2(1 + e^x) over impostors').
    """
    both = np.logaddexp(0.0, -genuine).mean() + np.logaddexp(0.0, impostor).mean()
    return float(both / (2.0 * np.log(2.0)))


def cllr_min(genuine: Floats, impostor: Floats) -> float:
    """Return the least C_llr that a monotone calibration could have: pool adjacent violators."""
    scores = np.concatenate([genuine, impostor])
    order = np.argsort(scores, kind="stable")
    weight = np.concatenate([np.full(len(genuine), 1.0 / len(genuine)), np.full(len(impostor), 1.0 / len(impostor))])
    blocks: list[list[float]] = []
    for place in order:
        positive = weight[place] if place < len(genuine) else 0.0
        blocks.append([positive, weight[place]])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1]]
    share = np.array([positive / total for positive, total in blocks])
    positive, total = np.array(blocks).T
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(positive > 0, -positive * np.log2(share), 0.0)
        cost += np.where(total > positive, -(total - positive) * np.log2(1.0 - share), 0.0)
    return float(cost.sum() / 2.0)
