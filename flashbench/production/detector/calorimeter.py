"""Energy deposits → clusters in cells: resolution, response, granularity, thresholds, noise. Energies in GeV."""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.grades import CalorimeterParameters, stepwise
from flashbench.production.detector.kinds import (
    CHARGED_HADRON,
    ELECTRON,
    FORWARD,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
)
from flashbench.production.ragged import Array, BoolArray, FloatArray, Ragged, concatenate, from_rows, wrap
from flashbench.production.streams import stream

ACCEPTANCE = 5.2
FORWARD_ETA = 3.0
_ENDCAP_ETA = 1.4
_COARSE_ETA = 2.5  # cells are twice as large between here and the forward calorimeter
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


def response(energy: Array, eta: Array, electromagnetic: BoolArray, parameters: CalorimeterParameters) -> Array:
    """Mean measured over true energy, E / (E + E₀): soft showers lose what stays below the cells' suppression."""
    central = np.where(electromagnetic, parameters.soft_photon, parameters.soft_hadron)
    half = np.where(np.abs(eta) > FORWARD_ETA, parameters.soft_forward, central)
    measured: Array = energy / (energy + half)
    return measured


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
        energy (may be negative before cells are summed), eta, phi, `cell` (kind of cell), `variance` (0).
    """
    kept = particles.select(reaches(particles) & ~tracked)
    energy, eta, kind = energy_of(kept), kept["eta"], kept["kind"]
    electromagnetic = (kind == PHOTON) | (kind == ELECTRON)
    n = kept.rows
    mean = energy * response(energy, eta, electromagnetic, parameters)
    sigma = resolution(energy, eta, electromagnetic, parameters)
    measured = mean + sigma * rng.standard_normal(n, dtype=np.float32)
    if parameters.conversions:
        probability = parameters.conversions * (1 + 1.5 * np.clip(np.abs(eta) - 1, 0, 1))
        converted = (kind == PHOTON) & (rng.random(n, dtype=np.float32) < probability) & (np.abs(eta) < 2.5)
        measured = np.where(converted, measured * (1 - 0.1 * rng.random(n, dtype=np.float32)), measured)
    bends = (kept["charge"] != 0) & (np.abs(eta) < _ENDCAP_ETA)
    turn = np.arcsin(np.clip(_BENDING / np.maximum(kept["pt"], 1e-3), 0, 1)) * kept["charge"]
    phi = wrap(np.where(bends, kept["phi"] - turn, kept["phi"]))
    columns = {
        "energy": measured * uniformity(eta, phi, parameters),
        "eta": eta,
        "phi": phi,
        "cell": cells_of(eta, electromagnetic),
        "variance": np.zeros(n, dtype=np.float32),
    }
    return Ragged(kept.counts, columns)


def cells_of(eta: Array, electromagnetic: BoolArray) -> Array:
    """Kind of the cell that takes a deposit: PHOTON, NEUTRAL_HADRON or FORWARD."""
    central = np.where(electromagnetic, PHOTON, NEUTRAL_HADRON)
    return np.where(np.abs(eta) > FORWARD_ETA, FORWARD, central).astype(np.int8)


def residuals(
    particles: Ragged, tracked: BoolArray, parameters: CalorimeterParameters, rng: np.random.Generator
) -> Ragged:
    """What is left of the clusters of tracked hadrons once their tracks' momenta are subtracted: zero on average.

    In a cell that it shares with a neutral particle it adds to, or swallows, that particle's energy: the confusion
    that limits particle flow (JINST 12 (2017) P10003). `variance` is that of the subtraction, GeV².
    """
    hadrons = particles.select(tracked & (particles["kind"] == CHARGED_HADRON) & (particles["pt"] > 0.75))
    eta = hadrons["eta"]
    sigma = resolution(energy_of(hadrons), eta, np.zeros(hadrons.rows, dtype=bool), parameters)
    columns = {
        "energy": sigma * rng.standard_normal(hadrons.rows, dtype=np.float32),
        "eta": eta,
        "phi": hadrons["phi"],
        "cell": cells_of(eta, np.zeros(hadrons.rows, dtype=bool)),
        "variance": sigma**2,
    }
    return Ragged(hadrons.counts, columns)


def uniformity(eta: Array, phi: Array, parameters: CalorimeterParameters) -> Array:
    """Local response: a fixed map in cells of 0.35, as uneven as ageing and calibration leave a calorimeter."""
    rows, columns = 36, 18
    pattern = stream("calorimeter map", rows, columns).standard_normal((rows, columns))
    row = np.clip(((eta + 6.3) / 0.35).astype(np.int64), 0, rows - 1)
    column = ((wrap(phi) + np.pi) / 0.35).astype(np.int64) % columns
    spread = stepwise(eta, (1.3, 2.5, 3.0), parameters.non_uniformity)
    return np.clip(1 + spread * pattern[row, column], 0.3, 1.7)


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
        "variance": np.zeros(n, dtype=np.float32),
    }
    return Ragged(counts, columns)


def clusters(parameters: CalorimeterParameters, *sources: Ragged) -> Ragged:
    """Deposits summed in cells; those above threshold become clusters.

    Returns:
        pt, eta, phi (energy-weighted), `kind`: PHOTON, NEUTRAL_HADRON or FORWARD.
    """
    hits = concatenate(*sources)
    fine = np.array([_CELLS.get(kind, 1.0) for kind in range(FORWARD + 1)])[hits["cell"]]
    coarse = (np.abs(hits["eta"]) > _COARSE_ETA) & (np.abs(hits["eta"]) <= FORWARD_ETA)
    size = np.where(coarse, 2 * fine, fine)
    column = ((hits["eta"] + 6.0) / size).astype(np.int64)
    row = ((wrap(hits["phi"]) + np.pi) / size).astype(np.int64)
    kind = hits["cell"] + 8 * coarse
    address = ((hits.event * 16 + kind) * 512 + column) * 512 + row
    cell, index = np.unique(address, return_inverse=True)
    weight = np.maximum(np.where(hits["variance"] > 0, 0.2, 1.0) * hits["energy"], 1e-3)
    total = np.bincount(index, hits["energy"], len(cell))
    norm = np.bincount(index, weight, len(cell))
    eta = np.bincount(index, weight * hits["eta"], len(cell)) / norm
    phi = np.bincount(index, weight * wrap(hits["phi"]), len(cell)) / norm
    event, kind = cell >> 22, (cell >> 18) % 8
    scatter = np.sqrt(np.bincount(index, hits["variance"], len(cell)))
    kept = total > threshold(kind, eta, parameters) + parameters.excess * scatter
    columns = {"pt": (total / np.cosh(eta))[kept], "eta": eta[kept], "phi": phi[kept], "kind": kind[kept]}
    return from_rows(event[kept], hits.events, columns)


def threshold(kind: Array, eta: Array, parameters: CalorimeterParameters) -> FloatArray:
    """Lowest energy of a cluster, GeV: higher in the endcap, higher still where its cells are coarse."""
    ranges = (_ENDCAP_ETA, _COARSE_ETA)
    photon = parameters.photon_threshold * stepwise(eta, ranges, (1.0, 2.0, 14.0))
    hadron = parameters.hadron_threshold * stepwise(eta, ranges, (1.0, 1.6, 8.0))
    return np.select([kind == PHOTON, kind == FORWARD], [photon, parameters.forward_threshold], hadron)
