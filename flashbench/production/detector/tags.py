"""What the taggers see of a jet: displaced tracks, a secondary vertex, soft leptons, shapes.

Features only; the discriminants are networks (`networks.py`) trained on held-out events.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.jets import Jets
from flashbench.production.detector.kinds import CHARGED_HADRON
from flashbench.production.detector.muons import cone_sum
from flashbench.production.ragged import Array, BoolArray, FloatArray, IntArray, Ragged, totals, wrap

LEADING = 4  # tracks whose significances are features of their own
_PION = 0.1396
_DISPLACED = 2.5  # signed 3D significance that makes a track part of the vertex
_MISSING = -3.0  # significance of a track that is not there


def signed_significance(
    tracks: Ragged, rows: IntArray, axis_eta: Array, axis_phi: Array
) -> tuple[FloatArray, FloatArray]:
    """Impact parameter over error of tracks with respect to a jet axis, positive for decays along the jet.

    Returns:
        In the transverse plane and in 3D, each of shape (rows,).
    """
    eta, phi = tracks["eta"][rows].astype(np.float64), tracks["phi"][rows].astype(np.float64)
    d0, z0 = tracks["d0"][rows].astype(np.float64), tracks["z0"][rows].astype(np.float64)
    across = z0 / np.cosh(eta)
    side = d0 * np.sin(phi - axis_phi)
    cosine, sine = np.tanh(eta), 1 / np.cosh(eta)
    jet_cosine, jet_sine = np.tanh(axis_eta), 1 / np.cosh(axis_eta)
    along_z = across * (sine * jet_cosine - cosine * jet_sine * np.cos(phi - axis_phi))
    transverse = np.sign(side) * np.abs(d0) / tracks["d0_error"][rows]
    error = np.hypot(tracks["d0_error"][rows], tracks["z0_error"][rows] / np.cosh(eta))
    spatial = np.sign(side * jet_sine + along_z) * np.hypot(d0, across) / error
    return transverse, spatial


def _ranked(jet: IntArray, value: FloatArray, jets: int, missing: float) -> FloatArray:
    """The largest values of each jet, shape (jets, LEADING), `missing` where it has fewer."""
    order = np.lexsort((-value, jet))
    counts = np.bincount(jet, minlength=jets)
    rank = np.arange(len(jet)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((jets, LEADING), missing)
    leading = rank < LEADING
    table[jet[order][leading], rank[leading]] = value[order][leading]
    return table


def tagging_tracks(jets: Jets, candidates: Ragged, tracks: Ragged) -> tuple[IntArray, IntArray]:
    """Tracks of jets good enough for tagging: above 1 GeV, within 2 mm and 17 mm of the vertex.

    Returns:
        Jet row and track row, ordered by jet.
    """
    track = candidates["track"][jets.constituent]
    row = np.maximum(track, 0)
    good: BoolArray = (track >= 0) & (tracks["pt"][row] > 1.0)
    good &= (np.abs(tracks["d0"][row]) < 2.0) & (np.abs(tracks["z0"][row]) < 17.0)
    return jets.jet[good], row[good]


def displaced(jets: Jets, candidates: Ragged, tracks: Ragged) -> dict[str, Array]:
    """Track and vertex features, each of shape (jets,).

    `n_tracks`; `sip3d_1…4`, `sip2d_1…4` signed significances in descending order; `sip_sum` of positive ones;
    `n_offset` tracks above 1.2, `n_displaced` above 2.5; of the vertex that the latter make: `sv_mass` (GeV),
    `sv_share` of the charged pt, `sv_flight` (mean transverse flight over error), `sv_spread` about the jet axis.
    """
    table, n = jets.table, jets.table.rows
    jet, row = tagging_tracks(jets, candidates, tracks)
    eta, phi = table["eta"][jet], table["phi"][jet]
    flat, spatial = signed_significance(tracks, row, eta, phi)
    pt = tracks["pt"][row].astype(np.float64)
    columns: dict[str, Array] = {"n_tracks": np.bincount(jet, minlength=n)}
    for name, value in (("sip3d", spatial), ("sip2d", flat)):
        ranked = _ranked(jet, np.clip(value, -20, 60), n, _MISSING)
        columns |= {f"{name}_{k + 1}": ranked[:, k] for k in range(LEADING)}

    used = (spatial > _DISPLACED) & (spatial < 200)
    columns |= vertex(jet[used], tracks, row[used], n, table)
    columns["sip_sum"] = np.bincount(jet, np.clip(spatial, 0, 20), n)
    columns["n_offset"] = np.bincount(jet[spatial > 1.2], minlength=n)
    charged = np.maximum(np.bincount(jet, pt, n), 1e-9)
    columns["sv_share"] = np.bincount(jet[used], pt[used], n) / charged
    return columns


def vertex(jet: IntArray, tracks: Ragged, row: IntArray, n: int, table: Ragged) -> dict[str, Array]:
    """Mass, flight significance and spread of the displaced tracks of each jet."""
    pt, eta, phi = (tracks[name][row].astype(np.float64) for name in ("pt", "eta", "phi"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + _PION**2)

    def total(value: Array) -> FloatArray:
        return totals(jet, value, n)

    mass = np.sqrt(np.maximum(total(energy) ** 2 - total(px) ** 2 - total(py) ** 2 - total(pz) ** 2, 0))
    turn = wrap(phi - table["phi"][jet])
    lever = np.where(np.abs(turn) < 0.01, np.where(turn < 0, -0.01, 0.01), turn)
    flight = np.clip(tracks["d0"][row] / lever, -50, 50)
    weight = (lever / tracks["d0_error"][row]) ** 2
    norm = np.maximum(total(weight), 1e-9)
    mean = total(weight * flight) / norm
    count = total(np.ones(len(jet)))
    distance = np.hypot(eta - table["eta"][jet], turn)
    return {
        "n_displaced": count,
        "sv_mass": mass,
        "sv_flight": np.clip(mean * np.sqrt(norm), -20, 100),
        "sv_spread": total(distance * pt) / np.maximum(total(pt), 1e-9),
    }


def soft_leptons(table: Ragged, muons: Ragged, tracks: Ragged) -> dict[str, Array]:
    """Of the hardest muon of each jet: pt relative to the axis (GeV) and 3D significance; 0 and −1 without one."""
    relative, significance = np.zeros(table.rows), np.full(table.rows, -1.0)
    inside = muons["jetIdx"] >= 0
    soft_to_hard = np.nonzero(inside)[0][::-1]
    jet = table.starts[muons.event[soft_to_hard]] + muons["jetIdx"][soft_to_hard]
    relative[jet] = muons["jetPtRelv2"][soft_to_hard]
    significance[jet] = np.minimum(muons["sip3d"][soft_to_hard], 60)
    return {"mu_pt_rel": np.minimum(relative, 10), "mu_sip3d": significance}


def vertex_fraction(jets: Jets, candidates: Ragged, pileup_tracks: Ragged) -> FloatArray:
    """β: charged pt of the primary vertex over all charged pt in the jet's cone; −1 without tracks; shape (jets,)."""
    kind = candidates["kind"][jets.constituent]
    own = np.bincount(
        jets.jet, np.where(kind == CHARGED_HADRON, candidates["pt"][jets.constituent], 0), jets.table.rows
    )
    other = cone_sum(jets.table, pileup_tracks, 0.4, inner=0.0)
    every = own + other
    return np.where(every > 0, own / np.maximum(every, 1e-9), -1.0)
