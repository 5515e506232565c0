"""The files of a run directory -> their names, which nothing else writes down.

RUN/  plan.json        the ArchitecturePlan
      config.json      users, data and its hash, seed, draw, settings, backbone, versions, command
      model.keras      the network: float32 [batch, T, 33, 33, 1] in [0, 1] -> logits [batch, T, K + 1]
      enrol.npz        the users' fragments that the network was enrolled from
      calibration.npz  the fragments of enrol.npz and of background writers, for calibrating int8
      development.npz  fragments of strangers who fix the thresholds and serve for nothing else
      held.npz         fragments of the users that train nothing, to weigh the logits beside other evidence
      test.npz         the users' last fragments, and those of strangers never seen before
      history.json     losses by step;  metrics.json, card.md, *.svg: see `inkgate evaluate`
      draws/N/         the same for another draw of users
"""

from typing import Final

PLAN: Final = "plan.json"
CONFIG: Final = "config.json"
MODEL: Final = "model.keras"
ENROL: Final = "enrol.npz"
CALIBRATION: Final = "calibration.npz"
DEVELOPMENT: Final = "development.npz"
HELD: Final = "held.npz"
TEST: Final = "test.npz"
HISTORY: Final = "history.json"
METRICS: Final = "metrics.json"
CARD: Final = "card.md"
EVALUATION: Final = (METRICS, CARD, "det.svg", "eer.svg", "losses.svg")
DRAWS: Final = "draws"
