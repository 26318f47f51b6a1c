"""Energy deposits → clusters in cells: resolution, response, granularity, thresholds, noise. Energies in GeV."""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.grades import CalorimeterParameters
from flashbench.production.detector.kinds import (
    CHARGED_HADRON,
    ELECTRON,
    FORWARD,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
)
from flashbench.production.ragged import Array, BoolArray, FloatArray, Ragged, concatenate, from_rows, wrap

ACCEPTANCE = 5.2
FORWARD_ETA = 3.0
_ENDCAP_ETA = 1.4
_CURLING_PT = 0.75  # GeV: charged particles below do not reach the barrel
_BENDING = 0.735  # GeV: sine of the turn in the field up to the calorimeter is this over pt
_CELLS = {PHOTON: 0.035, NEUTRAL_HADRON: 0.087, FORWARD: 0.175}  # size in eta and phi


def energy_of(particles: Ragged) -> FloatArray:
    """Energy, shape (rows,)."""
    energy: FloatArray = np.hypot(particles["pt"] * np.cosh(particles["eta"]), particles["mass"])
    return energy


def reaches(particles: Ragged) -> BoolArray:
    """Particles whose energy ends in the calorimeter; muons leave almost none."""
    eta = np.abs(particles["eta"])
    curls = (particles["charge"] != 0) & (eta < _ENDCAP_ETA) & (particles["pt"] < _CURLING_PT)
    reached: BoolArray = (particles["kind"] != MUON) & ~curls & (eta < ACCEPTANCE)
    return reached


def hadron_response(energy: Array, parameters: CalorimeterParameters) -> Array:
    """Mean measured over true energy of hadrons: the loss of a non-compensating calorimeter at low energy."""
    return 1 - parameters.non_linearity * 10.0 / (10.0 + energy)


def resolution(energy: Array, eta: Array, electromagnetic: BoolArray, parameters: CalorimeterParameters) -> Array:
    """Energy resolution in GeV, shape (rows,)."""
    root = np.sqrt(energy)
    forward = np.abs(eta) > FORWARD_ETA
    p = parameters
    s, n, c = p.electromagnetic
    fine = np.sqrt((s * root) ** 2 + n**2 + (c * energy) ** 2) * np.where(np.abs(eta) > 1.5, 1.8, 1.0)
    coarse = np.hypot(p.hadron[0] * root, p.hadron[1] * energy)
    forward_fine = np.hypot(p.forward_electromagnetic[0] * root, p.forward_electromagnetic[1] * energy)
    forward_coarse = np.hypot(p.forward_hadron[0] * root, p.forward_hadron[1] * energy)
    central = np.where(electromagnetic, fine, coarse)
    return np.where(forward, np.where(electromagnetic, forward_fine, forward_coarse), central)


def deposits(
    particles: Ragged, tracked: BoolArray, parameters: CalorimeterParameters, rng: np.random.Generator
) -> Ragged:
    """Smeared energies of what no track accounts for.

    Args:
        particles: pt, eta, phi, mass, charge, kind.
        tracked: particles that have a track.

    Returns:
        energy (may be negative before cells are summed), eta, phi, `cell` (kind of cell).
    """
    kept = particles.select(reaches(particles) & ~tracked)
    energy, eta, kind = energy_of(kept), kept["eta"], kept["kind"]
    electromagnetic = (kind == PHOTON) | (kind == ELECTRON)
    n = kept.rows
    mean = np.where(electromagnetic, energy, energy * hadron_response(energy, parameters))
    sigma = resolution(energy, eta, electromagnetic, parameters)
    measured = mean + sigma * rng.standard_normal(n, dtype=np.float32)
    if parameters.conversions:
        probability = parameters.conversions * (1 + 1.5 * np.clip(np.abs(eta) - 1, 0, 1))
        converted = (kind == PHOTON) & (rng.random(n, dtype=np.float32) < probability) & (np.abs(eta) < 2.5)
        measured = np.where(converted, measured * (1 - 0.1 * rng.random(n, dtype=np.float32)), measured)
    bends = (kept["charge"] != 0) & (np.abs(eta) < _ENDCAP_ETA)
    turn = np.arcsin(np.clip(_BENDING / np.maximum(kept["pt"], 1e-3), 0, 1)) * kept["charge"]
    phi = wrap(np.where(bends, kept["phi"] - turn, kept["phi"]))
    return Ragged(kept.counts, {"energy": measured, "eta": eta, "phi": phi, "cell": cells_of(eta, electromagnetic)})


def cells_of(eta: Array, electromagnetic: BoolArray) -> Array:
    """Kind of the cell that takes a deposit: PHOTON, NEUTRAL_HADRON or FORWARD."""
    central = np.where(electromagnetic, PHOTON, NEUTRAL_HADRON)
    return np.where(np.abs(eta) > FORWARD_ETA, FORWARD, central).astype(np.int8)


def neutral_excess(
    particles: Ragged, tracked: BoolArray, parameters: CalorimeterParameters, rng: np.random.Generator
) -> Ragged:
    """False neutral hadrons: clusters of charged hadrons above what their track explains.

    Particle flow makes a neutral hadron of an excess of more than about one resolution (JINST 12 (2017) P10003).
    """
    hadrons = particles.select(tracked & (particles["kind"] == CHARGED_HADRON) & (particles["pt"] > 1.0))
    energy, eta = energy_of(hadrons), hadrons["eta"]
    sigma = resolution(energy, eta, np.zeros(hadrons.rows, dtype=bool), parameters)
    excess = sigma * (rng.standard_normal(hadrons.rows, dtype=np.float32) - parameters.excess)
    excess = np.where(excess > np.maximum(sigma * 0.5, parameters.hadron_threshold), excess, 0.0)
    kept = hadrons.with_columns(energy=excess).select(excess > 0)
    columns = {name: kept[name] for name in ("energy", "eta", "phi")}
    cell = cells_of(kept["eta"], np.zeros(kept.rows, dtype=bool))
    return Ragged(kept.counts, {**columns, "cell": cell})


def noise(events: int, parameters: CalorimeterParameters, rng: np.random.Generator) -> Ragged:
    """Electronic noise that passes the cell thresholds: few, soft, anywhere."""
    counts = rng.poisson(parameters.noise_cells, events) if parameters.noise_cells else np.zeros(events, np.int64)
    n = int(counts.sum())
    eta = rng.uniform(-ACCEPTANCE, ACCEPTANCE, n)
    electromagnetic = rng.random(n) < 0.5
    columns: dict[str, Array] = {
        "energy": 1.0 + rng.exponential(0.8, n) * np.where(np.abs(eta) > FORWARD_ETA, 3.0, 1.0),
        "eta": eta,
        "phi": rng.uniform(-np.pi, np.pi, n),
        "cell": cells_of(eta, electromagnetic),
    }
    return Ragged(counts, columns)


def clusters(parameters: CalorimeterParameters, *sources: Ragged) -> Ragged:
    """Deposits summed in cells; those above threshold become clusters.

    Returns:
        pt, eta, phi (energy-weighted), `kind`: PHOTON, NEUTRAL_HADRON or FORWARD.
    """
    hits = concatenate(*sources)
    size = np.array([_CELLS[kind] if kind in _CELLS else 1.0 for kind in range(FORWARD + 1)])[hits["cell"]]
    column = ((hits["eta"] + 6.0) / size).astype(np.int64)
    row = ((wrap(hits["phi"]) + np.pi) / size).astype(np.int64)
    address = ((hits.event * 8 + hits["cell"]) * 512 + column) * 512 + row
    cell, index = np.unique(address, return_inverse=True)
    weight = np.maximum(hits["energy"], 1e-3)
    total = np.bincount(index, hits["energy"], len(cell))
    norm = np.bincount(index, weight, len(cell))
    eta = np.bincount(index, weight * hits["eta"], len(cell)) / norm
    phi = np.bincount(index, weight * wrap(hits["phi"]), len(cell)) / norm
    event, kind = cell >> 21, (cell >> 18) % 8
    kept = total > threshold(kind, eta, parameters)
    columns = {"pt": (total / np.cosh(eta))[kept], "eta": eta[kept], "phi": phi[kept], "kind": kind[kept]}
    return from_rows(event[kept], hits.events, columns)


def threshold(kind: Array, eta: Array, parameters: CalorimeterParameters) -> FloatArray:
    """Lowest energy of a cluster, GeV: twice (one and a half times) as high for photons (hadrons) in the endcap."""
    endcap = np.abs(eta) > _ENDCAP_ETA
    photon = parameters.photon_threshold * np.where(endcap, 2.0, 1.0)
    hadron = parameters.hadron_threshold * np.where(endcap, 1.5, 1.0)
    return np.select([kind == PHOTON, kind == FORWARD], [photon, parameters.forward_threshold], hadron)
