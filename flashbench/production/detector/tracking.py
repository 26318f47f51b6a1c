"""Charged particles → tracks: material, efficiency, resolution, fakes, and which vertex a track belongs to.

Lengths in mm, momenta in GeV. Impact parameters are those of a straight line: the sagitta of a decay inside the beam
pipe is far below the resolution.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.grades import TrackingParameters, stepwise
from flashbench.production.detector.kinds import CHARGED_HADRON, ELECTRON, MUON
from flashbench.production.ragged import Array, BoolArray, FloatArray, IntArray, Ragged, concatenate, from_rows, wrap

ACCEPTANCE = 2.9
LOWEST_PT = 0.25  # GeV
_LOWEST_PT_EDGE = 0.8  # GeV, beyond the vertex detector's reach in eta
_MICROMETRE = 1e-3  # mm
_VERTEX_WIDTH = 0.05  # mm
_VERTEX_ETA = 2.4  # vertex fits use no tracks beyond
_CELL = 0.02  # in eta and phi: tracks this close share hits


def interacts(particles: Ragged, parameters: TrackingParameters, rng: np.random.Generator) -> BoolArray:
    """Charged hadrons lost to a nuclear interaction in the tracker material; shape (rows,)."""
    eta = np.abs(particles["eta"])
    probability = parameters.nuclear + parameters.nuclear_slope * np.clip(eta - 0.5, 0, 1.5)
    if not parameters.nuclear:
        return np.zeros(particles.rows, dtype=bool)
    lost: BoolArray = rng.random(particles.rows, dtype=np.float32) < probability
    inside: BoolArray = (particles["kind"] == CHARGED_HADRON) & (eta < ACCEPTANCE)
    return lost & inside


def neighbours(particles: Ragged, mask: BoolArray) -> IntArray:
    """For each row, the number of rows of `mask` in its cell of 0.02 × 0.02, itself included if in `mask`."""
    eta = ((particles["eta"] + 10) / _CELL).astype(np.int64)
    phi = (wrap(particles["phi"]) / _CELL + 500).astype(np.int64)
    cell = (particles.event * 1024 + eta % 1024) * 1024 + phi
    rows = np.nonzero(mask)[0]
    _, inverse, size = np.unique(cell[rows], return_inverse=True, return_counts=True)
    count = np.zeros(particles.rows, dtype=np.int64)
    count[rows] = size[inverse]
    return count


def efficiency(particles: Ragged, parameters: TrackingParameters) -> FloatArray:
    """Probability that a charged particle in acceptance becomes a track; shape (rows,)."""
    charged = (particles["charge"] != 0) & (np.abs(particles["eta"]) < ACCEPTANCE)
    found = stepwise(particles["eta"], (0.9, 1.5, 2.4), parameters.efficiency)
    found = np.where(particles["pt"] < 1.0, found * parameters.soft, found)
    radius = np.hypot(particles["x"], particles["y"])
    found = np.where(radius > 20.0, found * parameters.displaced * np.exp(-radius / 400.0), found)
    if parameters.crowding:
        hard = charged & (particles["pt"] > 1.0) & particles["signal"]
        others = np.maximum(neighbours(particles, hard) - 1, 0)
        found = found * np.clip(1 - parameters.crowding * others, 0.4, 1.0)
    found = np.where((particles["kind"] == ELECTRON) & (particles["pt"] > 5.0), 0.985, found)
    found = np.where((particles["kind"] == MUON) & (particles["pt"] > 2.0), parameters.muon, found)
    lowest = np.where(np.abs(particles["eta"]) < _VERTEX_ETA, LOWEST_PT, _LOWEST_PT_EDGE)
    return np.where(charged & (particles["pt"] > lowest), found, 0.0)


def impact(particles: Ragged) -> tuple[FloatArray, FloatArray]:
    """True transverse (signed) and longitudinal impact parameters with respect to the hard vertex, mm."""
    x, y, phi = particles["x"], particles["y"], particles["phi"]
    transverse = x * np.sin(phi) - y * np.cos(phi)
    along = x * np.cos(phi) + y * np.sin(phi)
    return transverse, particles["z"] + particles["dz"] - along * np.sinh(particles["eta"])


def resolutions(pt: Array, eta: Array, parameters: TrackingParameters) -> tuple[Array, Array, Array]:
    """Errors of pt (relative), d0 (mm) and z0 (mm) of a track; each of shape (rows,)."""
    eta = np.abs(eta)
    scattering = 0.0098 + 0.006 * np.clip(eta - 0.9, 0, 2)
    relative = np.hypot(scattering, 1.6e-4 * pt * (1 + np.clip(eta - 1.5, 0, 1)))
    soft = np.cosh(eta) / np.maximum(pt, 0.3)
    d0 = (parameters.d0_high + parameters.d0_low * soft / np.sqrt(np.cosh(eta))) * _MICROMETRE
    z0 = (parameters.z0_high * np.sqrt(np.cosh(eta)) + parameters.z0_low * soft) * _MICROMETRE
    return relative, d0, z0


def measure(
    particles: Ragged, rows: IntArray, parameters: TrackingParameters, rng: np.random.Generator
) -> dict[str, Array]:
    """Measured parameters of the tracks of `rows`, and the errors that the fit would quote."""
    pt, eta = particles["pt"][rows], particles["eta"][rows]
    relative, d0_error, z0_error = resolutions(pt, eta, parameters)
    n = len(rows)
    tail = np.where(rng.random(n, dtype=np.float32) < parameters.tails, parameters.tail_width, 1.0)
    noise = rng.standard_normal((3, n), dtype=np.float32)
    quoted = rng.lognormal(0.0, 0.18, n).astype(np.float32)
    d0, z0 = impact(particles)
    return {
        "pt": pt * np.maximum(1 + relative * tail * noise[0], 0.05),
        "pt_error": pt * relative * quoted,
        "eta": eta,
        "phi": particles["phi"][rows],
        "d0": d0[rows] + d0_error * tail * noise[1],
        "d0_error": d0_error * quoted,
        "z0": z0[rows] + z0_error * tail * noise[2],
        "z0_error": z0_error * quoted,
    }


def tracks(particles: Ragged, lost: BoolArray, parameters: TrackingParameters, rng: np.random.Generator) -> Ragged:
    """Reconstructed tracks.

    Args:
        particles: pt, eta, phi, mass, charge, kind, x, y, z, dz, signal, genPart.
        lost: charged hadrons that interacted before they could be tracked.

    Returns:
        Measured parameters and errors, and of the particle behind the track: charge, kind, signal, genPart,
        `particle` (its row, −1 for a fake).
    """
    found = rng.random(particles.rows, dtype=np.float32) < efficiency(particles, parameters)
    rows = np.nonzero(found & ~lost)[0]
    columns = measure(particles, rows, parameters, rng)
    columns |= {name: particles[name][rows] for name in ("charge", "kind", "signal", "genPart")}
    columns["particle"] = rows
    counts = np.bincount(particles.event[rows], minlength=particles.events).astype(np.int64)
    real = Ragged(counts, columns)
    return concatenate(real, fakes(real, parameters, rng)) if parameters.fakes else real


def primary(found: Ragged, vertices: Ragged, parameters: TrackingParameters) -> BoolArray:
    """Tracks that charged-hadron subtraction keeps: all but those that the fit of another vertex uses.

    A vertex uses a track within `vertex_tolerance` of its resolution in z, if no vertex is nearer; the primary
    vertex has first choice within `vertex_core`.

    Args:
        found: tracks, with z0 in mm from the primary vertex.
        vertices: reconstructed pile-up vertices, `z` in mm from the primary one.

    Returns:
        Shape (tracks,).
    """
    span = 1e4  # mm: longer than the detector, so that events do not mix in one sorted list
    lines = np.sort(vertices["z"] + vertices.event * span)
    if not len(lines):
        return np.ones(found.rows, dtype=bool)
    position = found["z0"].astype(np.float64) + found.event * span
    right = np.searchsorted(lines, position)
    below = np.abs(position - lines[np.maximum(right - 1, 0)])
    above = np.abs(position - lines[np.minimum(right, len(lines) - 1)])
    other, own = np.minimum(below, above), np.abs(found["z0"])
    used = other < parameters.vertex_tolerance * np.hypot(found["z0_error"], _VERTEX_WIDTH)
    used &= np.abs(found["eta"]) < _VERTEX_ETA
    kept: BoolArray = (own < parameters.vertex_core) | (own <= other) | ~used
    return kept & (own < parameters.vertex_window)


def fakes(real: Ragged, parameters: TrackingParameters, rng: np.random.Generator) -> Ragged:
    """Combinatorial tracks: near real ones, soft, badly measured; as many as the crowd invites."""
    seeds = np.nonzero(rng.random(real.rows) < parameters.fakes)[0]
    n = len(seeds)
    pt = np.minimum(LOWEST_PT + rng.pareto(2.0, n), 30.0)
    eta = np.clip(real["eta"][seeds] + rng.normal(0, 0.15, n), -ACCEPTANCE, ACCEPTANCE)
    _, d0_error, z0_error = resolutions(pt, eta, parameters)
    columns: dict[str, Array] = {
        "pt": pt,
        "pt_error": 0.1 * pt,
        "eta": eta,
        "phi": wrap(real["phi"][seeds] + rng.normal(0, 0.15, n)),
        "d0": rng.standard_t(2, n) * 8 * d0_error,
        "d0_error": d0_error,
        "z0": real["z0"][seeds] + rng.standard_t(2, n) * 5 * z0_error,
        "z0_error": z0_error,
        "charge": rng.choice(np.array([-1, 1], dtype=np.int8), n),
        "kind": np.full(n, CHARGED_HADRON, dtype=np.int8),
        "signal": np.zeros(n, dtype=bool),
        "genPart": np.full(n, -1),
        "particle": np.full(n, -1),
    }
    return from_rows(real.event[seeds], real.events, columns)
