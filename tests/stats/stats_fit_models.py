"""Templates of a small analysis: a falling background, a signal at the end, a sideband."""

import numpy as np

from flashbench.stats.fit import Shape, Template, workspace

CHANNELS = {"SR": 6, "SB": 3}
SIGNAL = np.array([0.5, 0.8, 1.2, 1.8, 2.5, 3.0, 0.1, 0.05, 0.02])
BACKGROUNDS = {
    "dy2j": np.array([800.0, 250.0, 90.0, 35.0, 14.0, 6.0, 900.0, 200.0, 40.0]),
    "ttbar": np.array([900.0, 200.0, 50.0, 15.0, 5.0, 2.0, 800.0, 150.0, 25.0]),
}
SHAPE = Shape("shower", "signal", np.linspace(1.1, 0.85, 9))
RATES = {"dy2j": 0.1, "ttbar": 0.06, "signal": 0.02}


def templates(relative=0.05, correlation=0.0, scale=1.0):
    """Templates with relative errors, those of neighbouring bins correlated."""
    found = {}
    for name, values in ({"signal": SIGNAL} | BACKGROUNDS).items():
        distance = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
        matrix = np.where(distance, correlation**distance, 1.0)
        found[name] = Template(values * scale, matrix * np.outer(values, values) * (relative * scale) ** 2)
    return found


def model(**changes):
    """A workspace with every kind of uncertainty."""
    given = {"normalisation": RATES, "luminosity": 0.025, "shapes": [SHAPE]} | changes
    chosen = given.pop("templates", None) or templates()
    return workspace(chosen, CHANNELS, "signal", **given)
