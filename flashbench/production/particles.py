"""Which generated particle is what, by PDG id (Particle Data Group, "Monte Carlo particle numbering scheme").

All functions take integer arrays of any shape and return arrays of the same shape.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.ragged import Array, BoolArray, FloatArray

NEUTRINOS = (12, 14, 16)
INVISIBLE = (*NEUTRINOS, 1000022)
CHARGED_STABLE = (11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334)
_NEGATIVE_WHEN_POSITIVE_ID = (11, 13, 3112, 3312, 3334)

K_SHORT, LAMBDA, PHOTON, ELECTRON, MUON, PION = 310, 3122, 22, 11, 13, 211


def is_invisible(pdg: Array) -> BoolArray:
    """Neutrinos and the lightest neutralino."""
    invisible: BoolArray = np.isin(np.abs(pdg), INVISIBLE)
    return invisible


def charge(pdg: Array) -> Array:
    """Electric charge of particles that reach the detector: −1, 0 or 1, int8."""
    sign = np.sign(pdg) * np.where(np.isin(np.abs(pdg), _NEGATIVE_WHEN_POSITIVE_ID), -1, 1)
    charged = np.isin(np.abs(pdg), CHARGED_STABLE)
    return np.where(charged, sign, 0).astype(np.int8)


def _has_quark(pdg: Array, quark: int) -> BoolArray:
    code = np.abs(pdg)
    meson = (code // 100) % 10 == quark
    baryon = (code // 1000) % 10 == quark
    heavy: BoolArray = (code > 100) & (code < 1_000_000) & (meson | baryon)
    return heavy


def is_hadron(pdg: Array) -> BoolArray:
    """Hadrons, excited ones and those with heavy quarks among them."""
    code = np.abs(pdg)
    composed = (code % 10 > 0) & ((code // 10) % 10 > 0) & ((code // 100) % 10 > 0)
    hadrons: BoolArray = (code > 100) & (code < 1_000_000) & composed | np.isin(code, (130, K_SHORT))
    return hadrons


def is_b_hadron(pdg: Array) -> BoolArray:
    """Hadrons with a b quark."""
    return is_hadron(pdg) & _has_quark(pdg, 5)


def is_c_hadron(pdg: Array) -> BoolArray:
    """Hadrons with a c quark and no b quark."""
    return is_hadron(pdg) & _has_quark(pdg, 4) & ~_has_quark(pdg, 5)


def is_parton(pdg: Array) -> BoolArray:
    """Light and heavy quarks up to b, and gluons."""
    code = np.abs(pdg)
    partons: BoolArray = ((code > 0) & (code <= 5)) | (code == 21)
    return partons


def pt_eta_phi(px: Array, py: Array, pz: Array) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Transverse momentum in GeV, pseudorapidity, azimuth in rad, of momenta in GeV; in float64."""
    x, y, z = (np.asarray(component, dtype=np.float64) for component in (px, py, pz))
    pt = np.hypot(x, y)
    return pt, np.arcsinh(z / np.maximum(pt, 1e-9)), np.arctan2(y, x)
