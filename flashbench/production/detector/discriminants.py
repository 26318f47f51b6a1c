"""Discriminants of jets: b and c taggers, quark–gluon, pile-up identification, b-jet energy regression.

Names, ranges and failure values are NanoAOD's (v5): DeepCSV gives −2 (its c score −1) and CSVv2 −10 where no track
can be used, the quark–gluon discriminant −1 below 20 GeV or with fewer than three candidates.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.features import FEATURES
from flashbench.production.detector.networks import inputs, run
from flashbench.production.ragged import Array, FloatArray, Ragged

_TRACKER_ETA = 2.6
_LOWEST_QGL_PT = 20.0  # GeV
_TINY = 1e-6

# Pile-up identification: parts of all jets that pass (loose, medium, tight), in ranges of pt (rows) and |eta|; the
# thresholds in `PUID_THRESHOLDS` give them on the training sample.
PUID_PT = (15.0, 20.0, 30.0, 50.0, 100.0)  # lower edges, GeV
PUID_ETA = (0.0, 1.3, 2.4, 3.0)  # lower edges


def evaluate(table: Ragged) -> dict[str, Array]:
    """NanoAOD's discriminant columns, each of shape (jets,)."""
    return {
        **b_taggers(table),
        "qgl": quark_gluon(table),
        "puId": pileup_id(table),
        "bRegCorr": b_regression(table),
    }


def b_taggers(table: Ragged) -> dict[str, Array]:
    """CSVv2, CMVA, DeepCSV and DeepJet scores."""
    central = np.abs(table["eta"]) < _TRACKER_ETA
    no_track = ~central | (table["n_tracks"] < 1) & (table["nCharged"] < 3)
    too_few = ~central | (table["n_tracks"] < 1) | (table["n_tracks"] == 1) & (table["sip3d_1"] < 0)
    csv = _score(table, "csvv2")
    cmva = _score(table, "cmva")
    deep_csv = _score(table, "deepcsv")
    jet = _score(table, "deepjet")
    b, c, uds, gluon = (np.clip(jet[:, k], _TINY, 1.0) for k in range(4))
    return {
        "btagCSVV2": np.where(no_track, -10.0, csv[:, 0]),
        "btagCMVA": np.where(no_track, -0.98, 2 * cmva[:, 0] - 1),
        "btagDeepB": np.where(too_few, -2.0, deep_csv[:, 0]),
        "btagDeepC": np.where(too_few, -1.0, deep_csv[:, 1]),
        "btagDeepFlavB": b,
        "btagDeepFlavC": c,
        "btagDeepFlavCvB": c / (c + b),
        "btagDeepFlavCvL": c / (c + uds + gluon),
        "btagDeepFlavQG": gluon / (gluon + uds),
    }


def _score(table: Ragged, name: str) -> FloatArray:
    scores = run(name, inputs(table, FEATURES[name]))
    return scores if len(scores) else np.zeros((0, 4))


def quark_gluon(table: Ragged) -> FloatArray:
    """Quark likeness in [0, 1], or −1."""
    undefined = (table["pt"] < _LOWEST_QGL_PT) | (table["multiplicity"] < 3)
    return np.where(undefined, -1.0, _score(table, "qgl")[:, 0])


def pileup_id(table: Ragged) -> Array:
    """NanoAOD's `puId`: bits 4 (loose), 2 (medium), 1 (tight) of thresholds in pt and |eta|; above 50 GeV loose."""
    score = _score(table, "puid")[:, 0]
    thresholds = puid_thresholds()[pileup_cell(table["pt"], table["eta"])]
    loose, medium, tight = (score > thresholds[:, k] for k in range(3))
    return np.select([tight, medium, loose], [7, 6, 4], 0)


def pileup_cell(pt: Array, eta: Array) -> Array:
    """Row of the threshold table for jets of `pt` (GeV) and `eta`."""
    row = np.clip(np.searchsorted(PUID_PT, pt, side="right") - 1, 0, len(PUID_PT) - 1)
    column = np.clip(np.searchsorted(PUID_ETA, np.abs(eta), side="right") - 1, 0, len(PUID_ETA) - 1)
    return row * len(PUID_ETA) + column


def puid_thresholds() -> FloatArray:
    """Shipped thresholds, shape (cells, 3)."""
    import json
    from importlib import resources

    folder = resources.files("flashbench.production.detector").joinpath("weights")
    return np.asarray(json.loads(folder.joinpath("puid-thresholds.json").read_text(encoding="utf-8")))


def b_regression(table: Ragged) -> FloatArray:
    """Factor that brings a b jet's pt to that of its GenJet with the neutrinos in it."""
    return np.clip(np.exp(_score(table, "breg")[:, 0]), 0.5, 2.0)
