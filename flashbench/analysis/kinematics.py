"""Masses, angles and balances of the dimuon + dijet system.

What to use when: `zeppenfeld`, `pt_balance`, `eta_gap` and `min_eta_distance` for the VBF topology,
`collins_soper` for production dynamics, `mass_resolution` for how well an event's mass is known.

Four-vectors are `vector` arrays in float64 (`momenta` makes them); angles in rad, momenta and masses in GeV,
every shape (events,). A NaN goes in silently and comes out as NaN; no function warns.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import vector
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
MomentumArray: TypeAlias = Any  # vector.MomentumNumpy4D; vector is not typed


def _quiet() -> np.errstate:
    return np.errstate(divide="ignore", invalid="ignore")


def momenta(pt: ArrayLike, eta: ArrayLike, phi: ArrayLike, mass: ArrayLike) -> MomentumArray:
    """Four-vectors in float64, whatever the precision of the columns.

    Sums of float32 four-vectors lose 0.16 GeV (RMS) on the mass of a boosted pair.
    """
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
    return vector.array({name: np.asarray(values, dtype=np.float64) for name, values in columns.items()})


def natural_log(values: ArrayLike) -> FloatArray:
    """ln x; NaN where x is not positive."""
    x = np.asarray(values, dtype=np.float64)
    return np.log(np.where(x > 0, x, np.nan))


def invariant_mass(first: MomentumArray, second: MomentumArray) -> FloatArray:
    """Mass of a pair."""
    return np.asarray((first + second).mass, dtype=np.float64)


def eta_gap(jet1: MomentumArray, jet2: MomentumArray) -> FloatArray:
    """|Δη| of the tagging jets: pseudorapidities, as in the selection."""
    with _quiet():
        return np.asarray(np.abs(jet1.eta - jet2.eta), dtype=np.float64)


def min_eta_distance(dimuon: MomentumArray, jet1: MomentumArray, jet2: MomentumArray) -> FloatArray:
    """Distance in pseudorapidity of the dimuon from the nearer jet; inf for a dimuon along the beam."""
    return np.minimum(eta_gap(dimuon, jet1), eta_gap(dimuon, jet2))


def pt_balance(dimuon: MomentumArray, jet1: MomentumArray, jet2: MomentumArray) -> FloatArray:
    """R(pT), how far the transverse momenta are from balancing.

    R = |p⃗T(jj) + p⃗T(μμ)| / (pT(j1) + pT(j2) + pT(μμ)).

    Returns:
        R in [0, 1]: 0 balanced, 1 all on one side. NaN where nothing has transverse momentum.

    References:
        CMS, JHEP 01 (2021) 148.
    """
    with _quiet():
        ratio = (jet1 + jet2 + dimuon).pt / (jet1.pt + jet2.pt + dimuon.pt)
    return np.minimum(np.asarray(ratio, dtype=np.float64), 1.0)  # the triangle inequality, under rounding


def zeppenfeld(dimuon: MomentumArray, jet1: MomentumArray, jet2: MomentumArray) -> FloatArray:
    """z*, centrality of the dimuon between the tagging jets.

    z* = (y_μμ − (y_1 + y_2) / 2) / |y_1 − y_2|, with rapidities, not pseudorapidities.

    Returns:
        z*, signed; ±inf where the jets share a rapidity, NaN where the dimuon shares it too.

    References:
        CMS, JHEP 01 (2021) 148.
    """
    with _quiet():
        y1, y2 = jet1.rapidity, jet2.rapidity
        return np.asarray((dimuon.rapidity - (y1 + y2) / 2) / np.abs(y1 - y2), dtype=np.float64)


def mass_resolution(
    mass: FloatArray, pt1: FloatArray, pt_error1: FloatArray, pt2: FloatArray, pt_error2: FloatArray
) -> FloatArray:
    """Δm = (m/2) √((σ_1/pT_1)² + (σ_2/pT_2)²), in GeV, from the pT errors of the two muons.

    m² is proportional to pT_1 pT_2; errors of the angles are neglected and the two errors independent.
    """
    with _quiet():
        return mass / 2 * np.hypot(pt_error1 / pt1, pt_error2 / pt2)


def collins_soper(muon_minus: MomentumArray, muon_plus: MomentumArray) -> tuple[FloatArray, FloatArray]:
    """Angles of the μ⁻ in the Collins–Soper frame.

    The frame is the pair's rest frame. Its z axis bisects the angle between one beam and the reverse of the
    other, and points to the side that the pair goes to (+z if its p_z is 0); its x axis is along the pair's
    transverse momentum; y = z × x. There, with Q = p1 + p2, μ⁻ = 1 and M_T = √(Q² + Q_T²),

        p_z = sign(Q_z) (p_z1 E_2 − E_1 p_z2) / M_T
        p_y = sign(Q_z) p⃗_T1 · (ẑ × Q̂_T)
        p_x = (Q / M_T) (p⃗_T1 · Q̂_T − Q_T E*_1 / Q),   E*_1 = (Q² + m_1² − m_2²) / 2Q

    and cos θ = p_z / |p⃗|, φ = atan2(p_y, p_x). For massless muons these are the textbook formulas, which
    with real muons are off by 2m²/Q² (1.4e-6 at 125 GeV) in cos θ; here the masses are exact.

    Returns:
        (cos θ in [−1, 1], φ in (−π, π]); φ is NaN for a pair without transverse momentum.

    References:
        Collins, Soper, Phys. Rev. D 16 (1977) 2219.
    """
    with _quiet():
        pair = muon_minus + muon_plus
        mass, pair_pt = pair.mass, pair.pt
        transverse_mass = np.hypot(mass, pair_pt)
        side = np.where(pair.pz < 0, -1.0, 1.0)

        ux, uy = pair.px / pair_pt, pair.py / pair_pt
        energy_share = (1 + (muon_minus.mass2 - muon_plus.mass2) / mass**2) / 2
        along = muon_minus.px * ux + muon_minus.py * uy
        z = side * (muon_minus.pz * muon_plus.E - muon_minus.E * muon_plus.pz) / transverse_mass
        y = side * (muon_minus.py * ux - muon_minus.px * uy)
        x = mass / transverse_mass * (along - pair_pt * energy_share)

        # without Q_T the x axis is undefined but θ is not: the transverse momentum is then the lab's
        transverse = np.where(pair_pt > 0, np.hypot(x, y), muon_minus.pt)
        cos_theta = z / np.hypot(z, transverse)
        phi = np.arctan2(y, x)
    return np.asarray(cos_theta, dtype=np.float64), np.where(phi <= -np.pi, np.pi, phi)
