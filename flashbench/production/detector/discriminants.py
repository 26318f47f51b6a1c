"""Discriminants of jets: b and c taggers, quark–gluon, pile-up identification, b-jet energy regression."""

from __future__ import annotations

import numpy as np

from flashbench.events import Tier
from flashbench.production.ragged import Array, Ragged


def _logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def evaluate(table: Ragged, tier: Tier) -> dict[str, Array]:
    """NanoAOD's discriminant columns, each of shape (jets,)."""
    x = table.columns
    b = _logistic(0.35 * x["sip3d_2"] + 0.15 * x["sip3d_3"] + 0.8 * x["sv_mass"] + 0.3 * x["n_displaced"] - 4.5)
    qgl = _logistic(3.0 * x["ptD"] - 0.06 * x["multiplicity"] - 12 * x["axis2"] + 0.8)
    keep = 2.2 * np.where(x["beta"] < 0, 0.4, x["beta"]) - 18 * x["spread"] + 0.02 * x["pt"]
    puid = np.where(keep > 0.9, 7, np.where(keep > 0.6, 6, np.where(keep > 0.2, 4, 0)))
    return {
        "btagDeepFlavB": b,
        "qgl": np.where((x["pt"] < 20) | (x["multiplicity"] < 3), -1.0, qgl),
        "puId": np.where(x["pt"] > 50, 7, puid),
    }
