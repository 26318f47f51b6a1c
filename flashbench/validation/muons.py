"""What is measured of muons.

A new one is one entry of `QUANTITIES` or `DISTRIBUTIONS`. Prompt: not from the decay of a hadron, a muon or a tau.

References:
    CMS, JINST 13 (2018) P06015 (muon reconstruction, identification and isolation).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from flashbench.events import BRANCHES
from flashbench.validation.measures import (
    Column,
    Distribution,
    FloatArray,
    Fraction,
    Quantity,
    Selection,
    median,
    rate,
    width,
)
from flashbench.validation.objects import ObjectTable
from flashbench.validation.selections import (
    absolute,
    below,
    between,
    both,
    column,
    everything,
    is_true,
    no,
    ratio,
    within,
)

_PT_EDGES: Final = (3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 55.0, 75.0, 100.0, 200.0)
_ETA_EDGES: Final = (0.0, 0.3, 0.9, 1.2, 1.6, 2.1, 2.4)
_PILEUP_EDGES: Final = (0.0, 22.0, 30.0, 36.0, 44.0, 60.0)
_RESPONSE: Final = ratio("pt", "gen_pt")

_PROMPT: Final = is_true("prompt")
_OTHER: Final = both(is_true("matched"), no(_PROMPT))
_FAKE: Final = no(is_true("matched"))
_HARD: Final = both(_PROMPT, between("pt", 20))
_GENERATED: Final = both(_PROMPT, between("pt", 20), within("eta", 0, 2.4))
_ISOLATED: Final = below("pfRelIso04_all", 0.25)
_KINDS: Final = (
    ("prompt", _HARD, "prompt, pT > 20 GeV"),
    ("hadron", _OTHER, "not prompt"),
    ("fake", _FAKE, "unmatched"),
)


def magnitude(name: str, floor: float) -> Column:
    """log10 of the absolute value, not below log10 of `floor`."""
    return lambda table: np.log10(np.maximum(np.abs(table[name]), floor))


def _relative_error(table: ObjectTable) -> FloatArray:
    return np.asarray(table["ptErr"] / table["pt"])


def _efficiency(x: str, label: str, edges: tuple[float, ...], select: Selection) -> Quantity:
    x_column = absolute(x) if x == "eta" else column(x)
    return Quantity(f"muon_efficiency_by_{x}", "Prompt generated muons with a reconstructed one", "muons", "gen_muons",
                    select, Fraction(is_true("found"), x_column, edges), (x, "found"), (), edges, label,
                    "Efficiency")  # fmt: skip


def _flags() -> tuple[Quantity, ...]:
    return tuple(
        Quantity(f"muon_{name}_{kind}", f"{name}, {words} muons", "muons", "muons", chosen, Fraction(is_true(name)),
                 (name,), (f"Muon_{name}",))
        for name in ("mediumId", "softId", "isGlobal", "isPFcand")
        for kind, chosen, words in _KINDS
    )  # fmt: skip


QUANTITIES: Final = (
    Quantity("muon_isolation", "Isolation < 0.25 of prompt muons, pT > 20 GeV", "muons", "muons", _HARD,
             Fraction(_ISOLATED), ("pfRelIso04_all",)),
    Quantity("muon_isolation_hadron", "Isolation < 0.25 of muons that are not prompt", "muons", "muons", _OTHER,
             Fraction(_ISOLATED), ("pfRelIso04_all",)),
    Quantity("muon_efficiency", "Prompt muons found, gen pT > 20 GeV, |η| < 2.4", "muons", "gen_muons", _GENERATED,
             Fraction(is_true("found")), ("found",)),
    Quantity("muon_efficiency_medium", "… and of medium identification", "muons", "gen_muons", _GENERATED,
             Fraction(is_true("reco_mediumId")), ("reco_mediumId",)),
    Quantity("muon_resolution_central", "pT resolution of prompt muons, |η| < 0.9", "muons", "muons",
             both(_HARD, within("eta", 0, 0.9)), width(_RESPONSE), ("pt", "gen_pt")),
    Quantity("muon_resolution_endcap", "pT resolution of prompt muons, 0.9 ≤ |η| < 2.4", "muons", "muons",
             both(_HARD, within("eta", 0.9, 2.4)), width(_RESPONSE), ("pt", "gen_pt")),
    Quantity("muon_ptErr", "Median ptErr/pT of prompt muons", "muons", "muons", _HARD, median(_relative_error),
             ("pt", "ptErr"), ("Muon_ptErr",)),
    *(Quantity(f"muon_rate_{kind}", f"Muons an event, {words}", "muons", "muons", chosen, rate)
      for kind, chosen, words in _KINDS),
    *_flags(),
    _efficiency("pt", r"Generated $p_T$ [GeV]", _PT_EDGES, both(_PROMPT, within("eta", 0, 2.4))),
    _efficiency("eta", r"Generated $|\eta|$", _ETA_EDGES, both(_PROMPT, between("pt", 10))),
    _efficiency("n_pu", "Pile-up interactions", _PILEUP_EDGES, both(_PROMPT, between("pt", 10), within("eta", 0, 2.4))),
    Quantity("muon_isolation_by_pileup", "Isolation < 0.25 of prompt muons, pT > 20 GeV", "muons", "muons", _HARD,
             Fraction(_ISOLATED, column("n_pu"), _PILEUP_EDGES),
             ("n_pu", "pfRelIso04_all"), (), _PILEUP_EDGES, "Pile-up interactions", "Fraction that passes"),
)  # fmt: skip


_Axis: TypeAlias = tuple[int, float, float]


def _spectrum(name: str, label: str, chosen: Selection, values: Column, axis: _Axis) -> Distribution:
    branch = name.rpartition("_")[0] or name
    needs = (f"Muon_{branch}",) if f"Muon_{branch}" in BRANCHES else ()
    return Distribution(f"muon_{name}", label, "", "muons", "muons", chosen, values, *axis, needs, "muons", log=True)


def _by_kind(branch: str, label: str, values: Column, axis: _Axis) -> tuple[Distribution, ...]:
    return tuple(
        _spectrum(f"{branch}_{kind}", f"{label}, {words}", chosen, values, axis) for kind, chosen, words in _KINDS[:2]
    )


DISTRIBUTIONS: Final = (
    _spectrum("pt", r"Muon $p_T$ [GeV]", everything, column("pt"), (40, 0, 120)),
    _spectrum("pt_ratio", r"$p_T / p_T^{gen}$ of prompt muons", _HARD, _RESPONSE, (40, 0.9, 1.1)),
    *_by_kind("pfRelIso04_all", "pfRelIso04_all", column("pfRelIso04_all"), (40, 0, 1)),
    *_by_kind("pfRelIso03_all", "pfRelIso03_all", column("pfRelIso03_all"), (40, 0, 1)),
    *_by_kind("pfRelIso03_chg", "pfRelIso03_chg", column("pfRelIso03_chg"), (40, 0, 1)),
    *_by_kind("dxy", r"$\mathrm{log}_{10}|d_{xy}|$ [cm]", magnitude("dxy", 1e-6), (40, -5, 1)),
    *_by_kind("dxyErr", r"$\mathrm{log}_{10}$ dxyErr [cm]", magnitude("dxyErr", 1e-6), (40, -4, -1)),
    *_by_kind("dz", r"$\mathrm{log}_{10}|d_z|$ [cm]", magnitude("dz", 1e-6), (40, -5, 1)),
    *_by_kind("dzErr", r"$\mathrm{log}_{10}$ dzErr [cm]", magnitude("dzErr", 1e-6), (40, -4, 0)),
    *_by_kind("ip3d", r"$\mathrm{log}_{10}$ ip3d [cm]", magnitude("ip3d", 1e-6), (40, -5, 1)),
    *_by_kind("sip3d", r"$\mathrm{log}_{10}$ sip3d", magnitude("sip3d", 1e-3), (40, -2, 3)),
    *_by_kind("jetPtRelv2", "jetPtRelv2 [GeV]", column("jetPtRelv2"), (40, 0, 40)),
    *_by_kind("jetRelIso", "jetRelIso", column("jetRelIso"), (40, 0, 2)),
    *_by_kind("softMva", "softMva", column("softMva"), (40, -1, 1)),
    _spectrum("ptErr", "ptErr / pT of prompt muons", _HARD, _relative_error, (40, 0, 0.05)),
)
