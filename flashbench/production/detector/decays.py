"""Decays in flight of K0S and Λ inside the tracker: the displaced tracks that no heavy quark made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.production.particles import K_SHORT, LAMBDA
from flashbench.production.ragged import Array, FloatArray, Ragged, concatenate

TRACKER_RADIUS = 400.0  # mm: a later decay leaves too few hits for two tracks


@dataclass(frozen=True, slots=True)
class _Channel:
    """A two-body decay: mean proper length in mm, branching fraction, mass, daughters and their masses in GeV."""

    ctau: float
    fraction: float
    mass: float
    daughters: tuple[int, int]
    masses: tuple[float, float]


_CHANNELS = {
    K_SHORT: _Channel(26.84, 0.692, 0.4976, (211, -211), (0.1396, 0.1396)),
    LAMBDA: _Channel(78.9, 0.641, 1.1157, (2212, -211), (0.9383, 0.1396)),
}  # Particle Data Group, Review of Particle Physics


def decay_in_flight(particles: Ragged, rng: np.random.Generator) -> Ragged:
    """Replace K0S → ππ and Λ → pπ that happen inside the tracker by their daughters.

    Args:
        particles: pt, eta, phi, mass (GeV), pdgId, charge, x, y, z (mm), and optionally genPart.

    Returns:
        The same columns; daughters carry the decay point and genPart −1.
    """
    decays = np.zeros(particles.rows, dtype=bool)
    born: list[Ragged] = []
    for pdg, channel in _CHANNELS.items():
        candidates = np.abs(particles["pdgId"]) == pdg
        momentum = particles["pt"][candidates] * np.cosh(particles["eta"][candidates])
        length = rng.exponential(channel.ctau, candidates.sum()) * momentum / channel.mass
        radius = length / np.cosh(particles["eta"][candidates])
        chosen = (rng.random(candidates.sum()) < channel.fraction) & (radius < TRACKER_RADIUS)
        rows = np.nonzero(candidates)[0][chosen]
        decays[rows] = True
        mask = np.zeros(particles.rows, dtype=bool)
        mask[rows] = True
        born.extend(_daughters(particles.select(mask), length[chosen], channel, rng))
    return concatenate(particles.select(~decays), *born)


def _daughters(parents: Ragged, length: FloatArray, channel: _Channel, rng: np.random.Generator) -> list[Ragged]:
    pt, eta, phi = parents["pt"], parents["eta"], parents["phi"]
    direction = np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)]) / np.cosh(eta)
    momentum = pt * np.cosh(eta) * direction
    energy = np.sqrt((momentum**2).sum(axis=0) + channel.mass**2)
    first, second = two_body(momentum, energy, channel.mass, channel.masses, rng)
    anti = np.sign(parents["pdgId"])
    tables = []
    for vector, pdg, mass in zip((first, second), channel.daughters, channel.masses, strict=True):
        transverse = np.maximum(np.hypot(vector[0], vector[1]), 1e-6)
        columns: dict[str, Array] = {
            "pt": transverse,
            "eta": np.arcsinh(vector[2] / transverse),
            "phi": np.arctan2(vector[1], vector[0]),
            "mass": np.full(parents.rows, mass),
            "pdgId": pdg * anti,
            "charge": (np.sign(pdg) * anti).astype(np.int8),
            "genPart": np.full(parents.rows, -1),
        }
        for axis, name in enumerate(("x", "y", "z")):
            columns[name] = parents[name] + length * direction[axis]
        tables.append(Ragged(parents.counts, columns))
    return tables


def two_body(
    momentum: FloatArray, energy: FloatArray, mass: float, masses: tuple[float, float], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Momenta of the daughters of an isotropic two-body decay, in the frame of `momentum`.

    Args:
        momentum: of the parents, GeV, shape (3, n).
        energy: of the parents, GeV, shape (n,).

    Returns:
        Two arrays of shape (3, n) that add up to `momentum`.
    """
    n = momentum.shape[1]
    m1, m2 = masses
    p_star = np.sqrt((mass**2 - (m1 + m2) ** 2) * (mass**2 - (m1 - m2) ** 2)) / (2 * mass)
    cos_theta, angle = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    sin_theta = np.sqrt(1 - cos_theta**2)
    at_rest = p_star * np.stack([sin_theta * np.cos(angle), sin_theta * np.sin(angle), cos_theta])
    energy_star = np.sqrt(p_star**2 + m1**2)
    boost = momentum / mass
    gamma = energy / mass
    along = (boost * at_rest).sum(axis=0)
    first = at_rest + boost * (along / (gamma + 1) + energy_star)
    return first, momentum - first
