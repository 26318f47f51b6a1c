"""Catchment areas of anti-kT jets, from their axes and momenta alone.

Anti-kT jets are discs of radius R but where a harder jet takes a bite: an infinitely soft particle joins, of the jets
within R, the one with the smallest ΔR/pt (M. Cacciari, G. Salam, G. Soyez, JHEP 04 (2008) 063 and 005).
"""

from __future__ import annotations

import numpy as np

from flashbench.production.ragged import FloatArray, Ragged, pairs, wrap

_POINTS = 96


def disc(radius: float) -> tuple[FloatArray, FloatArray]:
    """Points that fill a disc evenly (a sunflower), each of shape (96,)."""
    k = np.arange(_POINTS) + 0.5
    r, angle = radius * np.sqrt(k / _POINTS), k * np.pi * (3 - np.sqrt(5))
    return r * np.cos(angle), r * np.sin(angle)


def areas(jets: Ragged, all_jets: Ragged, radius: float) -> FloatArray:
    """Area of each of `jets`, given `all_jets` of the event (softer ones too); shape (jets,)."""
    x, y = (values.astype(np.float32) for values in disc(radius))
    jet, other = pairs(jets, all_jets)
    eta = all_jets["eta"][other] - jets["eta"][jet]
    close = np.abs(eta) < 2 * radius
    jet, other, eta = jet[close], other[close], eta[close]
    phi = wrap(all_jets["phi"][other] - jets["phi"][jet])
    apart = np.hypot(eta, phi)
    near = (apart < 2 * radius) & (apart > 1e-6)
    jet, eta, phi = jet[near], eta[near].astype(np.float32), phi[near].astype(np.float32)
    ratio = (jets["pt"][jet] / all_jets["pt"][other[near]]).astype(np.float32)
    to_other = (x[None, :] - eta[:, None]) ** 2 + (y[None, :] - phi[:, None]) ** 2
    nearer = to_other * (ratio**2)[:, None] < (x**2 + y**2)[None, :]
    point = np.nonzero((to_other < radius**2) & nearer)
    lost = np.zeros((jets.rows, _POINTS), dtype=bool)
    lost[jet[point[0]], point[1]] = True
    area: FloatArray = np.pi * radius**2 * (1 - lost.mean(axis=1))
    return area
