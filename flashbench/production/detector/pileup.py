"""Pile-up: how many further collisions each crossing holds, and their particles.

The draw and the in-time overlay use one random stream that both grades share, so that their jets pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.production.detector.grades import PileupParameters, stepwise
from flashbench.production.ragged import FloatArray, IntArray, Ragged, spans, wrap

LARGEST = 90  # interactions
_SMALLEST = 5
_DENSITY_EDGES = np.array([0.0, 1.7, 2.6, 3.0, 3.5, 4.2, 5.2, 6.0, 7.5, 9.0, 12.0])  # cm: bins of |z| in NanoAOD
_CLOSE = 0.1  # cm: half window of pudensity


@dataclass(frozen=True)
class PileupDraw:
    """The collisions of some crossings.

    Args:
        n_true: mean number of interactions, shape (events,).
        n: interactions added, shape (events,).
        z_vertex: position of the hard collision along the beam, mm, shape (events,).
        z: of each added collision, mm, shape (sum of n,).
        source: pool event of each added collision, shape (sum of n,).
        early, late: interactions in the crossings before and after, shape (events,).
    """

    n_true: FloatArray
    n: IntArray
    z_vertex: FloatArray
    z: FloatArray
    source: IntArray
    early: IntArray
    late: IntArray


def draw(events: int, pool_size: int, parameters: PileupParameters, rng: np.random.Generator) -> PileupDraw:
    """Numbers and positions of collisions: a gamma-distributed mean, Poisson counts; each a random pool event."""
    shape = (parameters.mean / parameters.spread) ** 2
    n_true = np.clip(rng.gamma(shape, parameters.mean / shape, events), _SMALLEST, LARGEST)
    n = rng.poisson(n_true)
    return PileupDraw(
        n_true,
        n,
        rng.normal(0.0, parameters.beam_spot, events),
        rng.normal(0.0, parameters.beam_spot, int(n.sum())),
        rng.integers(0, pool_size, int(n.sum())),
        rng.poisson(parameters.early_crossings * n_true),
        rng.poisson(parameters.late_crossings * n_true),
    )


def vertices(pileup: PileupDraw, pool: Ragged, parameters: PileupParameters, rng: np.random.Generator) -> Ragged:
    """Reconstructed vertices of the added collisions: `z` in mm from the hard collision.

    A collision of k charged particles in the tracker has a vertex with probability 1 − exp(−k / `vertex_tracks`).
    """
    event = np.repeat(np.arange(len(pileup.n)), pileup.n)
    tracked = (pool["charge"] != 0) & (np.abs(pool["eta"]) < 2.5)
    size = np.bincount(pool.event[tracked], minlength=pool.events)[pileup.source]
    table = Ragged(pileup.n, {"z": pileup.z - pileup.z_vertex[event]})
    return table.select(rng.random(table.rows) < 1 - np.exp(-size / parameters.vertex_tracks))


def densities(pileup: PileupDraw) -> tuple[FloatArray, FloatArray]:
    """NanoAOD's `Pileup_pudensity` (collisions within 1 mm) and `Pileup_gpudensity` (per mm in the |z| bin)."""
    event = np.repeat(np.arange(len(pileup.n)), pileup.n)
    z, z_vertex = pileup.z / 10, pileup.z_vertex / 10
    close = np.abs(z - z_vertex[event]) < _CLOSE
    last = len(_DENSITY_EDGES) - 2
    own = np.minimum(np.searchsorted(_DENSITY_EDGES[1:], np.abs(z_vertex)), last)
    other = np.minimum(np.searchsorted(_DENSITY_EDGES[1:], np.abs(z)), last)
    width = 20.0 * np.diff(_DENSITY_EDGES)[own]  # mm, both sides
    same = np.bincount(event[other == own[event]], minlength=len(pileup.n))
    return np.bincount(event[close], minlength=len(pileup.n)).astype(np.float64), same / width


def overlay(pileup: PileupDraw, pool: Ragged, rng: np.random.Generator) -> Ragged:
    """Particles of the in-time collisions: pool events, each turned by a random azimuth and maybe mirrored.

    Returns:
        The pool's columns plus `dz`, the distance of the collision from the hard one in mm.
    """
    event = np.repeat(np.arange(len(pileup.n)), pileup.n)
    collisions = _Collisions(event, pileup.source, pileup.z - pileup.z_vertex[event])
    return _place(collisions, len(pileup.n), pool, rng)


def out_of_time(pileup: PileupDraw, pool: Ragged, fraction: float, rng: np.random.Generator) -> Ragged:
    """Calorimeter remains of neighbouring crossings: one effective crossing with `fraction` of its energy.

    Twice as much in the endcap beyond |eta| = 2.4, whose pulses are slow and whose cells have aged; nothing in the
    forward calorimeter, whose pulses fit in one crossing.

    Returns:
        As `overlay`, with scaled pt; what falls below 0.4 GeV (1.5 GeV beyond |eta| = 3) in energy is dropped.
    """
    counts = rng.poisson(pileup.n_true) if fraction else np.zeros(len(pileup.n), dtype=np.int64)
    event = np.repeat(np.arange(len(counts)), counts)
    source = rng.integers(0, pool.events, len(event))
    placed = _place(_Collisions(event, source, np.zeros(len(event))), len(counts), pool, rng)
    part = stepwise(placed["eta"], (2.4, 3.0), (fraction, 2 * fraction, 0.0)).astype(np.float32)
    placed = placed.with_columns(pt=placed["pt"] * part, mass=placed["mass"] * part)
    energy = placed["pt"] * np.cosh(placed["eta"])
    return placed.select(energy > np.where(np.abs(placed["eta"]) < 3, 0.4, 1.5))


@dataclass(frozen=True)
class _Collisions:
    event: IntArray
    source: IntArray
    dz: FloatArray


def _place(placed: _Collisions, events: int, pool: Ragged, rng: np.random.Generator) -> Ragged:
    event, chosen, dz = placed.event, placed.source, placed.dz
    collisions = len(event)
    turn = rng.uniform(0, 2 * np.pi, collisions).astype(np.float32)
    mirror = np.where(rng.random(collisions) < 0.5, -1, 1).astype(np.float32)
    sizes = pool.counts[chosen]
    rows = spans(pool.starts[chosen], sizes)
    collision = np.repeat(np.arange(collisions), sizes)
    counts = np.bincount(event, weights=sizes, minlength=events).astype(np.int64)
    cosine, sine = np.cos(turn)[collision], np.sin(turn)[collision]
    columns = {name: pool[name][rows] for name in pool.columns}
    columns["phi"] = wrap(columns["phi"] + turn[collision])
    columns["eta"] = columns["eta"] * mirror[collision]
    columns["z"] = columns["z"] * mirror[collision]
    columns["x"], columns["y"] = (
        columns["x"] * cosine - columns["y"] * sine,
        columns["x"] * sine + columns["y"] * cosine,
    )
    columns["dz"] = dz[collision].astype(np.float32)
    return Ragged(counts, columns)
