"""Muons: which tracks become one, its identification variables and isolation.

Identification follows the cut-based definitions of CMS (JINST 13 (2018) P06015), applied to quality variables that
are drawn by the kind of track: a muon from the collision, a hadron that decayed in flight, or punch-through.
Output in NanoAOD units: GeV, rad, cm.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.detector.grades import MuonParameters
from flashbench.production.detector.kinds import CHARGED_HADRON, MUON, NEUTRAL_HADRON, PHOTON
from flashbench.production.ragged import Array, BoolArray, FloatArray, IntArray, Ragged, pairs, totals, wrap

LOWEST_PT = 3.0  # GeV, as NanoAOD stores them
ACCEPTANCE = 2.4
MASS = 0.1056583755
REAL, DECAY_IN_FLIGHT, PUNCH_THROUGH = range(3)
_CENTIMETRE = 0.1  # of a mm
_CLOSE = 1.0  # mm
_VERTEX_ERROR = (0.0010, 0.0015)  # cm, of the primary vertex, across and along the beam


def muon_tracks(tracks: Ragged, parameters: MuonParameters, rng: np.random.Generator) -> tuple[IntArray, Array]:
    """Tracks with a signal in the muon chambers.

    Returns:
        Their rows and their origin (REAL, DECAY_IN_FLIGHT, PUNCH_THROUGH), both of shape (muons,).
    """
    pt, eta = tracks["pt"], tracks["eta"]
    inside = (pt > LOWEST_PT) & (np.abs(eta) < ACCEPTANCE)
    throw = rng.random(tracks.rows)
    ranges_out = (pt * np.cosh(eta) < parameters.barrel_momentum) | (pt < 3.5)
    found = np.where(ranges_out, parameters.efficiency / 2, parameters.efficiency)
    real = inside & (tracks["kind"] == MUON) & (throw < found)
    hadron = inside & (tracks["kind"] == CHARGED_HADRON)
    decays = hadron & (throw < parameters.in_flight / pt)
    punches = hadron & ~decays & (throw < (parameters.in_flight + parameters.punch_through) / pt)
    rows = np.nonzero(real | decays | punches)[0]
    origin = np.select([real[rows], decays[rows]], [REAL, DECAY_IN_FLIGHT], PUNCH_THROUGH)
    return rows, origin


def quality(
    tracks: Ragged, rows: IntArray, origin: Array, parameters: MuonParameters, rng: np.random.Generator
) -> dict[str, Array]:
    """Quality variables of muon tracks, each of shape (muons,).

    `stations` matched, `segments` compatibility in [0, 1], global fit `chi2`, track `kink`, `local` position χ² between
    tracker and chambers, `valid` hit fraction, `layers` with hits.
    """
    n = len(rows)
    pt = tracks["pt"][rows]
    scatter = parameters.quality_noise
    real, decay = origin == REAL, origin == DECAY_IN_FLIGHT
    reach = np.clip((pt - 2.0) / 4.0, 0.1, 1.0)  # soft muons stop early
    share = np.select([real, decay], [0.80 * reach + 0.1, 0.55 * reach + 0.05], 0.18)
    stations = 1 + rng.binomial(3, share)
    centre = np.select([real, decay], [0.9 + 1.8 * reach + 0.5 * (stations - 2), 1.1 + 0.3 * (stations - 2)], -0.9)
    segments = 1 / (1 + np.exp(-(centre + 1.2 * scatter * rng.standard_normal(n))))
    segments = np.where(segments > 0.97, 1.0, segments)
    return {
        "stations": stations,
        "segments": segments,
        "chi2": rng.gamma(4.0, np.select([real, decay], [0.25, 0.45], 0.9)),
        "kink": rng.lognormal(np.select([real, decay], [1.2, 3.0], 2.2), 0.8 * scatter),
        "local": rng.lognormal(np.select([real, decay], [1 - np.clip(pt / 20, 0, 1), 1.2], 1.8), 0.6 * scatter),
        "valid": 1 - np.minimum(rng.exponential(np.where(real, 0.015, 0.05), n), 1.0),
        "layers": np.clip(np.rint(rng.normal(13, 2 * scatter, n)), 3, 17).astype(np.int64),
    }


def identify(tracks: Ragged, parameters: MuonParameters, rng: np.random.Generator) -> Ragged:
    """Muon candidates with their identification, by descending pt.

    Returns:
        NanoAOD columns that need no other object, `track` (row in `tracks`), the quality variables.
    """
    rows, origin = muon_tracks(tracks, parameters, rng)
    variables = quality(tracks, rows, origin, parameters, rng)
    pt = tracks["pt"][rows].astype(np.float64)
    links_up = np.select([origin == REAL, origin == DECAY_IN_FLIGHT], [np.clip(0.55 + 0.07 * pt, 0, 0.998), 0.6], 0.15)
    is_global = (rng.random(len(rows)) < links_up) & (variables["stations"] > 0)
    is_tracker = ~is_global | (rng.random(len(rows)) < 0.99)
    columns: dict[str, Array] = {
        "pt": pt,
        "eta": tracks["eta"][rows].astype(np.float64),
        "phi": tracks["phi"][rows].astype(np.float64),
        "mass": np.full(len(rows), MASS),
        "charge": tracks["charge"][rows].astype(np.int64),
        "ptErr": tracks["pt_error"][rows].astype(np.float64),
        "isGlobal": is_global,
        "isTracker": is_tracker,
        "track": rows,
        "origin": origin,
        "genPartIdx": np.where(origin == REAL, tracks["genPart"][rows], -1),
        **impact_parameters(tracks, rows),
        **variables,
    }
    counts = np.bincount(tracks.event[rows], minlength=tracks.events).astype(np.int64)
    muons = Ragged(counts, columns)
    muons = muons.with_columns(**identification(muons))
    muons = muons.select(muons["isPFcand"] | muons["softId"] | muons["softMvaId"])
    return muons.take(muons.sorted_rows(muons["pt"]))


def impact_parameters(tracks: Ragged, rows: IntArray) -> dict[str, Array]:
    """dxy, dz, ip3d with errors and significance, in cm."""
    eta = tracks["eta"][rows]
    d0, d0_error = tracks["d0"][rows] * _CENTIMETRE, tracks["d0_error"][rows] * _CENTIMETRE
    z0, z0_error = tracks["z0"][rows] * _CENTIMETRE, tracks["z0_error"][rows] * _CENTIMETRE
    across, across_error = z0 / np.cosh(eta), z0_error / np.cosh(eta)
    distance = np.hypot(d0, across)
    with_vertex = np.hypot(d0_error, _VERTEX_ERROR[0]), np.hypot(across_error, _VERTEX_ERROR[1])
    error = np.hypot(d0 * with_vertex[0], across * with_vertex[1]) / np.maximum(distance, 1e-9)
    return {
        "dxy": -d0,  # NanoAOD's sign: minus that of the transverse impact parameter d0
        "dxyErr": d0_error,
        "dz": z0,
        "dzErr": z0_error,
        "ip3d": distance,
        "sip3d": distance / np.maximum(error, 1e-9),
    }


def identification(muons: Ragged) -> dict[str, Array]:
    """isPFcand, mediumId, softId, softMva, softMvaId from the quality variables."""
    is_global, segments = muons["isGlobal"], muons["segments"]
    linked = (is_global & (muons["chi2"] < 4)) | (muons["isTracker"] & (segments > 0.6) & (muons["stations"] > 1))
    particle_flow = linked & (muons["local"] < 5)
    good_global = is_global & (muons["chi2"] < 3) & (muons["local"] < 12) & (muons["kink"] < 20)
    medium = particle_flow & (muons["valid"] > 0.8) & np.where(good_global, segments > 0.303, segments > 0.451)
    close = (np.abs(muons["dxy"]) < 0.3) & (np.abs(muons["dz"]) < 20)
    soft = muons["isTracker"] & (muons["layers"] > 5) & close & (segments > 0.3) & (muons["kink"] < 45)
    score = soft_score(muons)
    return {
        "isPFcand": particle_flow,
        "mediumId": medium,
        "softId": soft,
        "softMva": score,
        "softMvaId": score > 0.58,
    }


def soft_score(muons: Ragged) -> FloatArray:
    """Soft-muon discriminant from the quality variables; −1 for muons without a global fit."""
    x = (
        1.1 * (muons["segments"] - 0.6)
        - 0.22 * (muons["chi2"] - 1)
        - 0.16 * np.log(muons["local"])
        - 0.05 * (np.log(muons["kink"]) - 1.2)
        + 0.06 * (muons["stations"] - 2.5)
    )
    return np.where(muons["isGlobal"], np.maximum(0.76 - 0.08 * np.exp(2.7 * (0.47 - x)), -1.0), -1.0)


def cone_sum(muons: Ragged, others: Ragged, radius: float, inner: float = 1e-4) -> FloatArray:
    """Sum of pt of `others` between `inner` and `radius` of each muon, GeV, shape (muons,)."""
    muon, other = pairs(muons, others)
    distance = np.hypot(muons["eta"][muon] - others["eta"][other], wrap(muons["phi"][muon] - others["phi"][other]))
    near = (distance < radius) & (distance > inner)
    return totals(muon[near], others["pt"][other[near]], muons.rows)


def isolation(muons: Ragged, candidates: Ragged, pileup_tracks: Ragged) -> dict[str, Array]:
    """Relative isolations with the Δβ correction: half the charged pt of pile-up is taken off the neutral sum.

    Args:
        candidates: particle-flow candidates after charged-hadron subtraction; charged ones count within 1 mm of the
            primary vertex along the beam.
        pileup_tracks: tracks of other vertices.
    """
    kind = candidates["kind"]
    charged = candidates.select((kind == CHARGED_HADRON) & (np.abs(candidates["z0"]) < _CLOSE))
    neutral = candidates.select(((kind == PHOTON) | (kind == NEUTRAL_HADRON)) & (candidates["pt"] > 0.5))
    pileup = pileup_tracks.select(pileup_tracks["pt"] > 0.5)
    columns: dict[str, Array] = {}
    for name, radius in (("03", 0.3), ("04", 0.4)):
        own = cone_sum(muons, charged, radius)
        extra = cone_sum(muons, neutral, radius, inner=0.01) - 0.5 * cone_sum(muons, pileup, radius, inner=0.01)
        columns[f"pfRelIso{name}_all"] = (own + np.maximum(extra, 0)) / muons["pt"]
        if name == "03":
            columns["pfRelIso03_chg"] = own / muons["pt"]
    return columns


def is_particle_flow(tracks: Ragged, muons: Ragged) -> BoolArray:
    """Tracks that enter the candidates as muons, shape (tracks,)."""
    marked = np.zeros(tracks.rows, dtype=bool)
    marked[muons["track"][muons["isPFcand"]]] = True
    return marked


def in_jets(muons: Ragged, jets: Ragged, jet_of_track: IntArray) -> dict[str, Array]:
    """jetIdx, jetRelIso and jetPtRelv2 with respect to the jet that holds the muon's track.

    Args:
        jets: pt, eta, phi, mass, `correction` (corrected over raw pt), ordered by pt.
        jet_of_track: jet row that holds each track, −1 if none, shape (tracks,).
    """
    jet = jet_of_track[muons["track"]]
    inside = jet >= 0
    row = np.where(inside, jet, 0)
    result = {
        "jetIdx": np.where(inside, row - jets.starts[muons.event], -1),
        "jetRelIso": muons["pfRelIso04_all"].copy(),
        "jetPtRelv2": np.zeros(muons.rows),
    }
    if not inside.any():
        return result
    scale = jets["correction"][row]
    lepton = _momentum(muons["pt"], muons["eta"], muons["phi"])
    jet_raw = _momentum(jets["pt"][row] / scale, jets["eta"][row], jets["phi"][row])
    rest = (jet_raw - lepton) * scale
    whole = rest + lepton
    rest_size = np.sqrt((rest**2).sum(axis=0))
    along = (lepton * rest).sum(axis=0) / np.maximum(rest_size, 1e-6)
    transverse = np.sqrt(np.maximum((lepton**2).sum(axis=0) - along**2, 0))
    whole_pt = np.hypot(whole[0], whole[1])
    result["jetRelIso"] = np.where(inside, whole_pt / muons["pt"] - 1, result["jetRelIso"])
    result["jetPtRelv2"] = np.where(inside & (rest_size > 0.1), transverse, 0.0)
    return result


def _momentum(pt: Array, eta: Array, phi: Array) -> FloatArray:
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
