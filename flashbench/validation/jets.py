"""What is measured of jets.

A new one is one entry of `QUANTITIES`, `DISTRIBUTIONS` or `ROCS`. Jets on a prompt electron or muon are left out
throughout, as every analysis cleans them.

References:
    CMS, JINST 12 (2017) P02014 (response and resolution); JINST 15 (2020) P09018 (pile-up jets and their
    identification); JINST 13 (2018) P05011 (b tagging).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from flashbench.stats import effective_width
from flashbench.validation.measures import (
    Distribution,
    Fraction,
    Quantity,
    Roc,
    Selection,
    in_bins,
    mean,
    median,
    rate,
    rate_in_bins,
    width,
)
from flashbench.validation.selections import absolute, between, both, column, has_bit, is_true, no, ratio, within

GEN_PT: Final = ((20, 30), (30, 50), (50, 80), (80, 120))  # GeV
ETA_RANGES: Final = {"central": (0.0, 2.5), "endcap": (2.5, 3.0), "forward": (3.0, 4.7)}
_RANGE_TEXT: Final = {"central": "|η| < 2.5", "endcap": "2.5 ≤ |η| < 3", "forward": "3 ≤ |η| < 4.7"}
_PT_EDGES: Final = (15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 65.0, 80.0, 100.0, 130.0, 180.0, 300.0)
_ETA_EDGES: Final = (0.0, 0.5, 0.9, 1.3, 1.7, 2.1, 2.5, 2.75, 3.0, 3.5, 4.7)
_PILEUP_EDGES: Final = (0.0, 15.0, 22.0, 28.0, 34.0, 40.0, 48.0, 60.0)
_RESPONSE: Final = ratio("pt", "gen_pt")
_PT_LABEL, _ETA_LABEL, _PILEUP_LABEL = r"Generated $p_T$ [GeV]", r"Generated $|\eta|$", "Pile-up interactions"

_CLEAN: Final = no(is_true("lepton"))
_HELD: Final = both(_CLEAN, is_true("matched"), between("distance", 0, 0.2))  # matched, and not half another jet
_ALONE: Final = no(is_true("matched"))
_TAGGED: Final = both(_CLEAN, is_true("matched"), between("pt", 30), within("eta", 0, 2.4))
_LIGHT: Final = both(_TAGGED, between("flavour", 0, 1))
_CHARM: Final = both(_TAGGED, between("flavour", 4, 5))
_BOTTOM: Final = both(_TAGGED, between("flavour", 5, 6))
_QUARK: Final = both(_TAGGED, within("parton", 1, 4))
_GLUON: Final = both(_TAGGED, within("parton", 21, 22))


def _response(low: float, high: float, eta: tuple[float, float]) -> Selection:
    return both(_HELD, between("gen_pt", low, high), within("gen_eta", *eta))


def _resolutions() -> tuple[Quantity, ...]:
    made = []
    for low, high in GEN_PT:
        select = _response(low, high, (0, 1.3))
        where = f"|η| < 1.3, gen pT {low}–{high} GeV"
        used = ("pt", "gen_pt")
        made += [
            Quantity(f"jet_resolution_{low}_{high}", f"pT resolution, {where}", "response", "jets", select,
                     width(_RESPONSE), used),
            Quantity(f"jet_response_{low}_{high}", f"Median pT response, {where}", "response", "jets", select,
                     median(_RESPONSE), used),
        ]  # fmt: skip
    return tuple(made)


def _unmatched() -> tuple[Quantity, ...]:
    return tuple(
        Quantity(f"unmatched_{name}_{pt}", f"Unmatched jets an event, pT > {pt} GeV, {_RANGE_TEXT[name]}",
                 "unmatched", "jets", both(_CLEAN, _ALONE, between("pt", pt), within("eta", *eta)), rate)
        for pt in (20, 25, 30)
        for name, eta in ETA_RANGES.items()
    )  # fmt: skip


def _identification() -> tuple[Quantity, ...]:
    soft = both(_CLEAN, between("pt", 20, 50))
    made = []
    for kind, chosen, words in (
        ("", soft, "jets"),
        ("_matched", both(soft, is_true("matched")), "matched jets"),
        ("_unmatched", both(soft, _ALONE), "unmatched jets"),
    ):
        made += [
            Quantity(f"puId_{name}{kind}", f"puId {name}, {words} of 20–50 GeV", "identification", "jets", chosen,
                     Fraction(has_bit("puId", bit)), ("puId",), ("Jet_puId",))
            for name, bit in (("loose", 4), ("medium", 2), ("tight", 1))
        ]  # fmt: skip
    hard = both(_CLEAN, between("pt", 20))
    made += [
        Quantity(f"jetId_{name}", f"jetId {words}, pT > 20 GeV", "identification", "jets", hard,
                 Fraction(has_bit("jetId", bit)), ("jetId",), ("Jet_jetId",))
        for name, bit, words in (("tight", 2, "tight"), ("lepton_veto", 4, "tight with lepton veto"))
    ]  # fmt: skip
    return tuple(made)


def _contents() -> tuple[Quantity, ...]:
    ranges = {"": (0.0, 4.7), **{f"_{name}": eta for name, eta in ETA_RANGES.items()}}
    words = {"": "|η| < 4.7", **{f"_{name}": text for name, text in _RANGE_TEXT.items()}}
    return tuple(
        Quantity(f"nConstituents{key}", f"Mean constituents, pT > 20 GeV, {words[key]}", "contents", "jets",
                 both(_CLEAN, between("pt", 20), within("eta", *eta)), mean(column("nConstituents")),
                 ("nConstituents",), ("Jet_nConstituents",))
        for key, eta in ranges.items()
    )  # fmt: skip


def _found(x: str, axis: tuple[str, tuple[float, ...]], text: str, select: Selection) -> Quantity:
    x_column = absolute(x) if x == "eta" else column(x)
    label, edges = axis
    return Quantity(
        *(f"jet_efficiency_by_{x}", f"Generated jets with a reconstructed one, {text}", "efficiency", "gen_jets"),
        both(_CLEAN, select),
        Fraction(is_true("found"), x_column, edges),
        (x, "found"),
        *((), edges, label, "Efficiency"),
    )


_PROFILES: Final = (
    Quantity("jet_resolution_by_pt", "pT resolution, |η| < 1.3", "response", "jets",
             both(_HELD, within("gen_eta", 0, 1.3)), in_bins(column("gen_pt"), _RESPONSE, _PT_EDGES, effective_width),
             ("pt", "gen_pt"), (), _PT_EDGES, _PT_LABEL, r"Resolution of $p_T / p_T^{gen}$"),
    Quantity("jet_response_by_pt", "Median pT response, |η| < 1.3", "response", "jets",
             both(_HELD, within("gen_eta", 0, 1.3)), in_bins(column("gen_pt"), _RESPONSE, _PT_EDGES, np.median),
             ("pt", "gen_pt"), (), _PT_EDGES, _PT_LABEL, r"Median $p_T / p_T^{gen}$"),
    Quantity("jet_resolution_by_eta", "pT resolution, gen pT 30–80 GeV", "response", "jets",
             _response(30, 80, (0, 4.7)), in_bins(absolute("gen_eta"), _RESPONSE, _ETA_EDGES, effective_width),
             ("pt", "gen_pt", "gen_eta"), (), _ETA_EDGES, _ETA_LABEL, r"Resolution of $p_T / p_T^{gen}$"),
    Quantity("jet_response_by_eta", "Median pT response, gen pT 30–80 GeV", "response", "jets",
             _response(30, 80, (0, 4.7)), in_bins(absolute("gen_eta"), _RESPONSE, _ETA_EDGES, np.median),
             ("pt", "gen_pt", "gen_eta"), (), _ETA_EDGES, _ETA_LABEL, r"Median $p_T / p_T^{gen}$"),
    Quantity("unmatched_by_eta", "Unmatched jets an event, pT > 25 GeV", "unmatched", "jets",
             both(_CLEAN, _ALONE, between("pt", 25)), rate_in_bins(absolute("eta"), _ETA_EDGES), ("eta",), (),
             _ETA_EDGES, r"$|\eta|$", "Unmatched jets an event"),
    Quantity("nConstituents_by_eta", "Mean constituents, pT > 20 GeV", "contents", "jets",
             both(_CLEAN, between("pt", 20)), in_bins(absolute("eta"), column("nConstituents"), _ETA_EDGES, np.mean),
             ("eta", "nConstituents"), ("Jet_nConstituents",), _ETA_EDGES, r"$|\eta|$", "Mean constituents"),
    Quantity("puId_loose_by_eta", "puId loose, matched jets of 20–50 GeV", "identification", "jets",
             both(_CLEAN, is_true("matched"), between("pt", 20, 50)),
             Fraction(has_bit("puId", 4), absolute("eta"), _ETA_EDGES),
             ("eta", "puId"), ("Jet_puId",), _ETA_EDGES, r"$|\eta|$", "Fraction that passes"),
    _found("pt", (_PT_LABEL, _PT_EDGES), "|η| < 2.5", within("eta", 0, 2.5)),
    _found("eta", (_ETA_LABEL, _ETA_EDGES), "pT > 30 GeV", between("pt", 30)),
    _found("n_pu", (_PILEUP_LABEL, _PILEUP_EDGES), "15–30 GeV, |η| < 2.5",
           both(between("pt", 15, 30), within("eta", 0, 2.5))),
)  # fmt: skip


ROCS: Final = (
    Roc("btagDeepFlavB_light", "btagDeepFlavB, b against udsg", "tagging", "jets", "btagDeepFlavB", _BOTTOM, _LIGHT,
        ("Jet_btagDeepFlavB",)),
    Roc("btagDeepFlavB_charm", "btagDeepFlavB, b against c", "tagging", "jets", "btagDeepFlavB", _BOTTOM, _CHARM,
        ("Jet_btagDeepFlavB",)),
    Roc("btagDeepB_light", "btagDeepB, b against udsg", "tagging", "jets", "btagDeepB", _BOTTOM, _LIGHT,
        ("Jet_btagDeepB",)),
    Roc("btagCSVV2_light", "btagCSVV2, b against udsg", "tagging", "jets", "btagCSVV2", _BOTTOM, _LIGHT,
        ("Jet_btagCSVV2",)),
    Roc("btagDeepFlavC_light", "btagDeepFlavC, c against udsg", "tagging", "jets", "btagDeepFlavC", _CHARM, _LIGHT,
        ("Jet_btagDeepFlavC",)),
    Roc("qgl", "qgl, uds quark against gluon", "tagging", "jets", "qgl", _QUARK, _GLUON, ("Jet_qgl",)),
)  # fmt: skip

QUANTITIES: Final = (
    *_resolutions(), *_unmatched(), *_contents(), *_identification(),
    *(roc.area for roc in ROCS),
    Quantity("qgl_missing", "qgl not computed (−1), pT > 20 GeV, |η| < 2.5", "tagging", "jets",
             both(_CLEAN, between("pt", 20), within("eta", 0, 2.5)), Fraction(no(between("qgl", 0))), ("qgl",),
             ("Jet_qgl",)),
    Quantity("bRegCorr_b", "Mean bRegCorr of b jets", "contents", "jets", _BOTTOM, mean(column("bRegCorr")),
             ("bRegCorr",), ("Jet_bRegCorr",)),
    *_PROFILES,
)  # fmt: skip


def _tagger(name: str, chosen: Selection, flavour: str, low: float) -> Distribution:
    return Distribution(f"{name}_{flavour}", f"{name}, {flavour} jets", "", "tagging", "jets", chosen, column(name),
                        44, low, 1.0 + (1.0 - low) / 43, (f"Jet_{name}",), log=True)  # fmt: skip


DISTRIBUTIONS: Final = (
    Distribution("jet_number", "Jets an event, pT > 30 GeV, |η| < 4.7", "", "multiplicity", "jets",
                 both(_CLEAN, between("pt", 30), within("eta", 0, 4.7)), column("pt"), 13, -0.5, 12.5,
                 counted="events", per_event=True),
    Distribution("gen_jet_number", "Generated jets an event, pT > 30 GeV, |η| < 4.7", "", "multiplicity", "gen_jets",
                 both(_CLEAN, between("pt", 30), within("eta", 0, 4.7)), column("pt"), 13, -0.5, 12.5,
                 counted="events", per_event=True),
    Distribution("jet_pt", r"Jet $p_T$", "GeV", "multiplicity", "jets", _CLEAN, column("pt"), 37, 15, 200, log=True),
    Distribution("jet_eta", r"Jet $\eta$, $p_T > 30$ GeV", "", "multiplicity", "jets",
                 both(_CLEAN, between("pt", 30)), column("eta"), 40, -5, 5),
    Distribution("jet_pt_ratio", r"$p_T / p_T^{gen}$, $p_T^{gen} > 20$ GeV", "", "response", "jets",
                 both(_HELD, between("gen_pt", 20)), _RESPONSE, 50, 0, 2),
    Distribution("jet_mass_ratio", r"$m / m^{gen}$, $p_T^{gen} > 20$ GeV, $m^{gen} > 1$ GeV", "", "response", "jets",
                 both(_HELD, between("gen_pt", 20), between("gen_mass", 1)), ratio("mass", "gen_mass"), 50, 0, 2.5),
    Distribution("jet_distance", "ΔR to the generated jet", "", "response", "jets",
                 both(_CLEAN, is_true("matched"), between("gen_pt", 20)), column("distance"), 40, 0, 0.4, log=True),
    Distribution("unmatched_pt", r"$p_T$ of unmatched jets", "GeV", "unmatched", "jets", both(_CLEAN, _ALONE),
                 column("pt"), 35, 15, 50, log=True),
    Distribution("nConstituents", "Constituents, pT > 20 GeV", "", "contents", "jets", both(_CLEAN, between("pt", 20)),
                 column("nConstituents"), 60, -0.5, 59.5, ("Jet_nConstituents",)),
    Distribution("jet_area", r"Jet area, $p_T > 30$ GeV", "", "contents", "jets", both(_CLEAN, between("pt", 30)),
                 column("area"), 40, 0.3, 0.7, ("Jet_area",), log=True),
    Distribution("bRegCorr", "bRegCorr of b jets", "", "contents", "jets", _BOTTOM, column("bRegCorr"), 40, 0.6, 1.8,
                 ("Jet_bRegCorr",)),
    Distribution("muEF", "Muon energy fraction", "", "contents", "jets", both(_CLEAN, between("pt", 20)),
                 column("muEF"), 40, 0, 1, ("Jet_muEF",), log=True),
    *(_tagger("btagDeepFlavB", chosen, name, -0.025)
      for name, chosen in (("b", _BOTTOM), ("c", _CHARM), ("udsg", _LIGHT))),
    *(_tagger("btagDeepB", chosen, name, -0.025)
      for name, chosen in (("b", _BOTTOM), ("c", _CHARM), ("udsg", _LIGHT))),
    *(_tagger("btagDeepFlavC", chosen, name, -0.025)
      for name, chosen in (("b", _BOTTOM), ("c", _CHARM), ("udsg", _LIGHT))),
    Distribution("qgl_quark", "qgl, uds jets", "", "tagging", "jets", both(_QUARK, between("qgl", 0)), column("qgl"),
                 25, 0, 1, ("Jet_qgl",)),
    Distribution("qgl_gluon", "qgl, gluon jets", "", "tagging", "jets", both(_GLUON, between("qgl", 0)), column("qgl"),
                 25, 0, 1, ("Jet_qgl",)),
    Distribution("puId", "puId, jets of 20–50 GeV", "", "identification", "jets", both(_CLEAN, between("pt", 20, 50)),
                 column("puId"), 8, -0.5, 7.5, ("Jet_puId",), log=True),
    Distribution("jetId", "jetId, pT > 20 GeV", "", "identification", "jets", both(_CLEAN, between("pt", 20)),
                 column("jetId"), 8, -0.5, 7.5, ("Jet_jetId",), log=True),
)  # fmt: skip
