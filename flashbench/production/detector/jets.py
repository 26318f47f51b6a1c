"""Jets of particle-flow candidates: clustering, offset, response, energy fractions, identification, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.production.clustering import Clustered, cluster
from flashbench.production.detector.areas import areas
from flashbench.production.detector.candidates import band_of
from flashbench.production.detector.grades import stepwise
from flashbench.production.detector.kinds import CHARGED_HADRON, ELECTRON, FORWARD, MUON, NEUTRAL_HADRON, PHOTON
from flashbench.production.detector.response import Response
from flashbench.production.ragged import Array, FloatArray, IntArray, Ragged, pairs, totals, wrap

RADIUS = 0.4
LOWEST_PT = 15.0  # GeV after corrections, as NanoAOD stores them
_LOWEST_RAW_PT = 5.0
_OFFSET_RANGES = (2.4, 3.0)
_NOT_SUBTRACTED = (3.5, 5.0, -6.0)  # GeV per unit area, |eta| < 2.4, < 3, beyond: the underlying event belongs to the
# jet; forward, the noise of filled cells is subtracted on top. Tuned to the pile-up jets of released NanoAOD.
_LEFT_OVER = (0.9, 0.9, -1.4)  # GeV, same ranges: pile-up energy that the corrections leave in a jet. Released NanoAOD
# has a median response of 1.05 at 20–30 GeV and 1.00 at 100, as of a constant.
_EDGE_SCATTER = 0.055  # relative: ghosts at the edge of a jet follow its irregular constituents
_TIGHT, _LEPTON_VETO = 2, 4


@dataclass(frozen=True)
class Jets:
    """Corrected jets above 15 GeV, by descending pt, and their candidates.

    Args:
        table: pt, eta, phi, mass (corrected), raw pt, area, correction, fractions, shapes.
        jet: row of the jet of each constituent, shape (constituents,).
        constituent: row of the candidate, shape (constituents,).
    """

    table: Ragged
    jet: IntArray
    constituent: IntArray


def build(
    candidates: Ragged,
    densities: tuple[FloatArray, FloatArray],
    response: Response,
    rng: np.random.Generator,
    lowest_pt: float = LOWEST_PT,
) -> Jets:
    """Cluster, subtract the pile-up offset (area × density of the band in eta), correct the response.

    Args:
        candidates: pt, eta, phi, mass, kind.
        densities: overall and in bands, as from `candidates.density`.
        lowest_pt: of corrected jets, GeV.
    """
    density, bands = densities
    clustered = cluster(candidates, RADIUS, _LOWEST_RAW_PT)
    raw = clustered.jets
    near = raw.with_columns(row=np.arange(raw.rows)).select(raw["pt"] > 6.0)
    area = np.full(raw.rows, np.pi * RADIUS**2)
    uneven = 1 + _EDGE_SCATTER * rng.standard_normal(near.rows)
    area[near["row"]] = areas(near, raw, RADIUS) * np.clip(uneven, 0.5, 1.5)
    kept_density = stepwise(raw["eta"], _OFFSET_RANGES, _NOT_SUBTRACTED)
    offset = area * np.maximum(bands[raw.event, band_of(raw["eta"])] - kept_density, 0.0)
    subtracted = raw["pt"] - offset
    pt = subtracted * response.correction(subtracted, raw["eta"]) + stepwise(raw["eta"], _OFFSET_RANGES, _LEFT_OVER)
    scale = pt / raw["pt"]
    table = raw.with_columns(
        pt=pt, mass=raw["mass"] * scale, rawPt=raw["pt"], area=area, correction=scale, subtracted=subtracted,
        density=density[raw.event],
    )  # fmt: skip
    return _select(table, clustered, lowest_pt)


def _select(table: Ragged, clustered: Clustered, lowest_pt: float) -> Jets:
    kept = table["pt"] > lowest_pt
    order = table.sorted_rows(np.where(kept, table["pt"], 0.0))
    order = order[kept[order]]
    place = np.full(table.rows, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    jet = place[clustered.jet]
    inside = jet >= 0
    by_jet = np.argsort(jet[inside], kind="stable")
    return Jets(table.take(order), jet[inside][by_jet], clustered.constituent[inside][by_jet])


def fractions(jets: Jets, candidates: Ragged) -> dict[str, Array]:
    """Energy fractions (of the uncorrected jet) and multiplicities, NanoAOD names."""
    kind = candidates["kind"][jets.constituent]
    pt = candidates["pt"][jets.constituent]
    n = jets.table.rows

    def share(*kinds: int) -> FloatArray:
        """Fraction of each jet's energy in candidates of these kinds."""
        chosen = np.isin(kind, kinds)
        energy = candidates["pt"] * np.cosh(candidates["eta"])
        total = np.bincount(jets.jet, energy[jets.constituent], n)
        return np.bincount(jets.jet[chosen], energy[jets.constituent][chosen], n) / np.maximum(total, 1e-9)

    charged = np.isin(kind, (CHARGED_HADRON, ELECTRON, MUON))
    forward_photons = 0.06  # long and short fibres: this part of a forward cluster reads as electromagnetic
    return {
        "chHEF": share(CHARGED_HADRON),
        "neHEF": share(NEUTRAL_HADRON) + (1 - forward_photons) * share(FORWARD),
        "neEmEF": share(PHOTON) + forward_photons * share(FORWARD),
        "chEmEF": share(ELECTRON),
        "muEF": share(MUON),
        "nConstituents": np.bincount(jets.jet, minlength=n),
        "nCharged": np.bincount(jets.jet[charged], minlength=n),
        "nNeutral": np.bincount(jets.jet[~charged], minlength=n),
        "leadingShare": _largest(jets.jet, pt, n) / np.maximum(jets.table["rawPt"], 1e-9),
    }


def _largest(group: IntArray, value: Array, groups: int) -> FloatArray:
    result = np.zeros(groups)
    np.maximum.at(result, group, value)
    return result


def identification(table: Ragged) -> Array:
    """NanoAOD `jetId`: bit 2 tight, bit 4 tight with lepton veto, by the 2018 definitions of CMS."""
    eta = np.abs(table["eta"])
    hadronic, electromagnetic = table["neHEF"], table["neEmEF"]
    central = (hadronic < 0.9) & (electromagnetic < 0.9) & (table["nConstituents"] > 1)
    central &= (table["chHEF"] > 0) & (table["nCharged"] > 0)
    edge = (hadronic < 0.9) & (electromagnetic < 0.99) & (table["nCharged"] > 0)
    endcap = (electromagnetic > 0.02) & (electromagnetic < 0.99) & (table["nNeutral"] > 2)
    forward = (electromagnetic < 0.9) & (hadronic > 0.2) & (table["nNeutral"] > 10)
    tight = np.select([eta <= 2.6, eta <= 2.7, eta <= 3.0], [central, edge, endcap], forward)
    leptons = (eta <= 2.7) & ((table["muEF"] > 0.8) | (table["chEmEF"] > 0.8))
    return np.where(tight, _TIGHT + np.where(leptons, 0, _LEPTON_VETO), 0).astype(np.int64)


def shapes(jets: Jets, candidates: Ragged) -> dict[str, Array]:
    """Shape variables of the quark–gluon and pile-up discriminants, each of shape (jets,).

    `multiplicity` of candidates above 1 GeV, `ptD` = √Σpt²/Σpt, `axis1`, `axis2` the pt²-weighted major and minor
    widths, `spread` the pt²-weighted mean ΔR², `rings` parts of pt within 0.1, 0.2 of the axis.
    """
    table, n = jets.table, jets.table.rows
    pt = candidates["pt"][jets.constituent]
    eta = candidates["eta"][jets.constituent] - table["eta"][jets.jet]
    phi = wrap(candidates["phi"][jets.constituent] - table["phi"][jets.jet])

    def total(weight: Array) -> FloatArray:
        return totals(jets.jet, weight, n)

    hard = pt > 1.0
    square = np.where(hard, pt**2, 0.0)
    norm = np.maximum(total(square), 1e-9)
    mean_eta, mean_phi = total(square * eta) / norm, total(square * phi) / norm
    ee, pp = total(square * eta**2) / norm - mean_eta**2, total(square * phi**2) / norm - mean_phi**2
    ep = total(square * eta * phi) / norm - mean_eta * mean_phi
    root = np.sqrt((ee - pp) ** 2 + 4 * ep**2)
    distance = np.hypot(eta, phi)
    sum_pt = np.maximum(total(pt), 1e-9)
    return {
        "multiplicity": total(hard.astype(np.float64)),
        "ptD": np.sqrt(norm) / np.maximum(total(np.where(hard, pt, 0.0)), 1e-9),
        "axis1": np.sqrt(np.maximum(0.5 * (ee + pp + root), 0)),
        "axis2": np.sqrt(np.maximum(0.5 * (ee + pp - root), 0)),
        "spread": total(pt**2 * distance**2) / np.maximum(total(pt**2), 1e-9),
        "ring1": total(np.where(distance < 0.1, pt, 0)) / sum_pt,
        "ring2": total(np.where((distance >= 0.1) & (distance < 0.2), pt, 0)) / sum_pt,
    }


def match(table: Ragged, gen_jets: Ragged) -> IntArray:
    """NanoAOD `genJetIdx`: index of the nearest GenJet within 0.4, −1 if none."""
    jet, gen = pairs(table, gen_jets)
    distance = np.hypot(table["eta"][jet] - gen_jets["eta"][gen], wrap(table["phi"][jet] - gen_jets["phi"][gen]))
    near = distance < RADIUS
    jet, gen, distance = jet[near], gen[near], distance[near]
    index = np.full(table.rows, -1, dtype=np.int64)
    far_to_near = np.argsort(-distance, kind="stable")
    index[jet[far_to_near]] = gen[far_to_near] - gen_jets.starts[table.event[jet[far_to_near]]]
    return index
