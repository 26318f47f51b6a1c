"""Runs of the full tier for training: a signal with a mass peak among flat backgrounds, every input filled."""

import zlib
from pathlib import Path

import numpy as np

from flashbench.analysis import Cutflow
from flashbench.analysis.dnn import CONSTANTS, INPUTS
from flashbench.results import RunResult

SIGMA = {"signal": 1e-3, "dy": 0.5, "top": 0.3}  # pb


def make_run(process, events=1500, *, separation=1.0, negative=0.0, qgl=True, sigma=True):
    """All events in the wide region, most in SR or SB; `separation` 0 makes signal and background alike."""
    rng = np.random.default_rng(zlib.crc32(process.encode()))
    peak = process == "signal" and separation > 0
    mass = rng.normal(125, 2.2, events) if peak else rng.uniform(106, 159, events)
    shift = separation * {"signal": 0.8, "dy": 0.0, "top": -0.3}[process]
    uniform = {"jet1_phi", "jet2_phi", "phi_cs"}
    table = {
        name: rng.uniform(-np.pi, np.pi, events) if name in uniform else rng.normal(0, 1, events)
        for name in INPUTS
        if name not in CONSTANTS
    }
    relative = np.abs(rng.normal(0.015, 0.002, events))
    table |= {
        "dimuon_mass": mass,
        "dimuon_relative_resolution": relative,
        "dimuon_mass_resolution": relative * mass,
        "pt_balance": np.clip(rng.normal(0.4 - 0.15 * shift, 0.1, events), 0, 1),
        "jet1_pt": 40 + rng.exponential(60, events),
        "jet2_pt": 26 + rng.exponential(30, events),
        "dijet_mass": 300 + rng.exponential(500, events) * (1 + 0.5 * max(shift, 0)),
        "dijet_eta_gap": 2 + rng.exponential(1.5, events),
        "jet1_qgl": rng.uniform(0, 1, events) if qgl else np.full(events, -1.0),
        "jet2_qgl": rng.uniform(0, 1, events) if qgl else np.full(events, -1.0),
    }
    table["ln_dijet_mass"] = np.log(table["dijet_mass"])
    selected = (table["dijet_mass"] > 400) & (table["dijet_eta_gap"] > 2.5)
    sideband = ((mass > 110) & (mass < 115)) | ((mass > 135) & (mass < 150))
    region = np.where((mass >= 115) & (mass <= 135), 2, np.where(sideband, 1, 0)) * selected
    weight = np.where(rng.uniform(size=events) < negative, -1.0, 1.0)
    table |= {
        "region": region.astype(np.int8),
        "event": np.arange(events, dtype=np.uint64),
        "weight": weight,
    }
    manifest = {"cross_section_pb": SIGMA[process] if sigma else None}
    return RunResult(
        *(process, process, "full", "Full", 1, table, float(weight.sum()), events, Cutflow(), manifest),
        Path("runs") / process / "full",
    )


def make_runs(**common):
    """One run a process."""
    return [make_run(process, **common) for process in SIGMA]
