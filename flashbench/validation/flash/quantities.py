"""What is profiled and whose curves are drawn: response, efficiencies, fakes, edges of the detector, b tagging.

A new profile is one entry of `PROFILES`, a new curve or tagger one of `flashbench.validation.jets`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from flashbench.validation import jets
from flashbench.validation.measures import Fraction, Quantity, Selection, Statistic, in_bins
from flashbench.validation.objects import Collection
from flashbench.validation.selections import (
    absolute,
    between,
    both,
    column,
    everything,
    has_bit,
    is_true,
    no,
    ratio,
    within,
)

_JET_PT: Final = tuple(round(float(edge), 1) for edge in np.geomspace(10, 1000, 21))
_MUON_PT: Final = (3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 55.0, 75.0, 100.0, 200.0)
_JET_ETA: Final = (0.0, 0.5, 0.9, 1.3, 1.7, 2.1, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0)
# Fine where tracker and endcap end: a step there that is smeared cancels in coarser bins.
_EDGES_ETA: Final = (
    *(0.0, 0.5, 1.0, 1.3, 1.6, 1.9, 2.1, 2.2, 2.3, 2.4, 2.45, 2.5, 2.55, 2.6, 2.65, 2.7, 2.8, 2.9),
    *(3.0, 3.1, 3.25, 3.5, 4.0, 4.7),
)
_MUON_ETA: Final = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6, 2.1, 2.4, 2.8)
_PILEUP: Final = (0.0, 15.0, 22.0, 28.0, 34.0, 40.0, 48.0, 60.0)
_MATCHED: Final = is_true("matched")
_RESPONSE: Final = ratio("pt", "gen_pt")
_LABELS: Final = {"pt": r"$p_T$ [GeV]", "eta": r"$|\eta|$", "n_pu": "Pile-up interactions"}


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.std(values))


def _response(kind: str, table: Collection, edges: tuple[float, ...]) -> tuple[Quantity, ...]:
    made: list[Quantity] = []
    for name, label, statistic in (("mean", "Mean", np.mean), ("rms", "RMS", _rms)):
        profile: Statistic = in_bins(column("gen_pt"), _RESPONSE, edges, statistic)
        made.append(
            Quantity(f"{kind}_response_{name}", f"{label} of the response, matched {kind}s", "response", table,
                     _MATCHED, profile, ("pt", "gen_pt"), (), edges, rf"Generated {_LABELS['pt']}",
                     rf"{label} of $p_T / p_T^{{gen}}$")
        )  # fmt: skip
    return tuple(made)


_JET_AXES: Final = {"pt": _JET_PT, "eta": _JET_ETA, "n_pu": _PILEUP}
_MUON_AXES: Final = {"pt": _MUON_PT, "eta": _MUON_ETA, "n_pu": _PILEUP}


def _fractions(
    kind: str, table: Collection, label: str, axes: dict[str, tuple[float, ...]], select: Selection = everything
) -> tuple[Quantity, ...]:
    """Efficiencies of generated objects, or fakes among reconstructed ones, in bins of each axis."""
    fakes = table == "jets"
    read, passes = ("matched", no(_MATCHED)) if fakes else ("found", is_true("found"))
    group, words = ("fakes", "Fraction of fakes") if fakes else ("efficiency", "Efficiency")
    before = "" if fakes else "Generated "
    return tuple(
        Quantity(f"{kind}_{group}_by_{x}", label, group, table, select,
                 Fraction(passes, absolute(x) if x == "eta" else column(x), edges), (x, read), (), edges,
                 _LABELS[x] if x == "n_pu" else before + _LABELS[x], words)
        for x, edges in axes.items()
    )  # fmt: skip


def _edges() -> tuple[Quantity, ...]:
    """What changes within a tenth in |η| where the tracker and the endcap end."""
    eta = absolute("gen_eta")
    shares = tuple(
        Quantity(f"jet_{name}_by_eta", f"Matched jets with {label}", "edges", "jets", _MATCHED,
                 Fraction(passes, eta, _EDGES_ETA), (branch, "gen_eta"), (f"Jet_{branch}",), _EDGES_ETA,
                 f"Generated {_LABELS['eta']}", "Fraction of jets")
        for name, label, passes, branch in (
            ("tag", "b tag scores", between("btagDeepB", 0), "btagDeepB"),
            ("jetId", "tight jetId and lepton veto", has_bit("jetId", 4), "jetId"),
            ("puId", "loose puId", has_bit("puId", 4), "puId"),
        )
    )  # fmt: skip
    constituents = in_bins(eta, column("nConstituents"), _EDGES_ETA, np.mean)
    return (
        *shares,
        Quantity("jet_constituents_by_eta", "Constituents of matched jets", "edges", "jets", _MATCHED, constituents,
                 ("nConstituents", "gen_eta"), ("Jet_nConstituents",), _EDGES_ETA, f"Generated {_LABELS['eta']}",
                 "Mean number of constituents"),
    )  # fmt: skip


_MUONS: Final = both(between("pt", 5), within("eta", 0, 2.4))
PROFILES: Final = (
    *_response("jet", "jets", _JET_PT),
    *_response("muon", "muons", _MUON_PT),
    *_fractions("jet", "gen_jets", "Generated jets that are reconstructed", _JET_AXES),
    *_fractions("muon", "gen_muons", "Generated muons, pT > 5 GeV, |η| < 2.4, reconstructed", _MUON_AXES, _MUONS),
    *_fractions("jet", "jets", "Jets without a generated jet", _JET_AXES),
    *_edges(),
)

TAGGERS: Final = ("btagDeepFlavB", "btagDeepB")
"""b taggers whose areas are checked."""

ROCS: Final = tuple(roc for roc in jets.ROCS if roc.name.startswith("btag"))
B_TAG: Final = tuple(each for each in jets.DISTRIBUTIONS if each.name.partition("_")[0] in TAGGERS)
"""Scores by flavour."""
