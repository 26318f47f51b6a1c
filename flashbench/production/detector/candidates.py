"""Particle-flow candidates: tracks of the primary vertex and clusters; and the energy density of an event."""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.kinds import CHARGED_HADRON, MUON
from flashbench.production.ragged import Array, FloatArray, Ragged, concatenate

_PION = 0.1396
_DENSITY_ETA = 4.7
_ROWS, _COLUMNS = 17, 11  # cells of 0.55 × 0.57


def candidates(tracks: Ragged, clusters: Ragged, is_muon: Array) -> Ragged:
    """What jets are made of, with charged-hadron subtraction: tracks of other vertices are left out.

    Args:
        tracks: as from `tracking.tracks`.
        clusters: as from `calorimeter.clusters`.
        is_muon: tracks identified as particle-flow muons, shape (tracks.rows,).

    Returns:
        pt, eta, phi, mass, kind, `track` (row in `tracks`, −1 for clusters), `z0` (mm from the primary vertex).
    """
    kind = np.where(is_muon, MUON, np.where(tracks["kind"] == MUON, CHARGED_HADRON, tracks["kind"]))
    charged = Ragged(
        tracks.counts,
        {
            "pt": tracks["pt"].astype(np.float64),
            "eta": tracks["eta"].astype(np.float64),
            "phi": tracks["phi"].astype(np.float64),
            "mass": np.where(kind == CHARGED_HADRON, _PION, np.where(kind == MUON, 0.1057, 0.0)),
            "kind": kind.astype(np.int64),
            "track": np.arange(tracks.rows),
            "z0": tracks["z0"].astype(np.float64),
        },
    ).select(tracks["primary"])
    neutral = clusters.with_columns(
        mass=np.zeros(clusters.rows), track=np.full(clusters.rows, -1), z0=np.zeros(clusters.rows)
    )
    return concatenate(charged, neutral)


def density(particles: Ragged) -> tuple[FloatArray, FloatArray]:
    """Energy density: the median over cells of pt per area (M. Cacciari, G. Salam, Phys. Lett. B659 (2008) 119).

    Returns:
        GeV per unit area over |eta| < 4.7, shape (events,); and in bands of eta, shape (events, 17).
    """
    inside = np.abs(particles["eta"]) < _DENSITY_ETA
    row = ((particles["eta"][inside] + _DENSITY_ETA) / (2 * _DENSITY_ETA / _ROWS)).astype(np.int64)
    column = ((particles["phi"][inside] + np.pi) / (2 * np.pi) * _COLUMNS).astype(np.int64) % _COLUMNS
    address = (particles.event[inside] * _ROWS + row) * _COLUMNS + column
    cells = np.bincount(address, particles["pt"][inside], particles.events * _ROWS * _COLUMNS)
    cells = cells.reshape(particles.events, _ROWS, _COLUMNS)
    area = (2 * _DENSITY_ETA / _ROWS) * (2 * np.pi / _COLUMNS)
    bands: FloatArray = np.median(cells, axis=2) / area
    overall: FloatArray = np.median(cells.reshape(particles.events, -1), axis=1) / area
    return overall, bands


def band_of(eta: Array) -> Array:
    """The band of `density` that a pseudorapidity falls in, the outermost beyond |eta| = 4.7."""
    return np.clip(((eta + _DENSITY_ETA) / (2 * _DENSITY_ETA / _ROWS)).astype(np.int64), 0, _ROWS - 1)
