"""The Higgs candidate and the tagging jets of each event, as dense columns."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.analysis.cuts import Cuts
from flashbench.analysis.kinematics import FloatArray, MomentumArray, momenta
from flashbench.analysis.objects import select_jets, select_muons

_KINEMATICS = ("pt", "eta", "phi", "mass")
_Columns = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What observables are functions of: arrays of shape (events,), NaN where the object is missing.

    The dimuon candidate is the leading selected μ⁺ with the leading selected μ⁻: the same two muons as the
    leading one and the leading of opposite charge to it. Its muons are missing together. The tagging jets are
    the two leading selected jets; the first is there without the second.

    Attributes:
        muon_minus, muon_plus: the pair by charge; muon1, muon2: the same by pT (μ⁻ first where equal).
        muon1_isolation, muon2_isolation: `pfRelIso04_all`.
        muon1_pt_error, muon2_pt_error: `ptErr`, GeV.
        jet1_qgl, jet2_qgl: quark–gluon likelihood.
        dimuon, dijet: sums of the two.
        n_muons, n_jets: selected objects, integers, never missing.
    """

    muon_minus: MomentumArray
    muon_plus: MomentumArray
    muon1: MomentumArray
    muon2: MomentumArray
    muon1_isolation: FloatArray
    muon2_isolation: FloatArray
    muon1_pt_error: FloatArray
    muon2_pt_error: FloatArray
    jet1: MomentumArray
    jet2: MomentumArray
    jet1_qgl: FloatArray
    jet2_qgl: FloatArray
    dimuon: MomentumArray
    dijet: MomentumArray
    n_muons: NDArray[np.int64]
    n_jets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.n_muons)


def find_candidates(events: ak.Array, cuts: Cuts) -> Candidates:
    """Selects objects and pairs them.

    Args:
        events: a block with `Muon` (pt, eta, phi, mass, charge, pfRelIso04_all, mediumId, ptErr) and `Jet`
            (pt, eta, phi, mass, puId, jetId, qgl).
        cuts: the thresholds of muons and jets; those of the event are not applied here.
    """
    muons = select_muons(events.Muon, cuts)
    jets = select_jets(events.Jet, muons, cuts)

    fields = (*_KINEMATICS, "pfRelIso04_all", "ptErr")
    minus = _columns(muons[muons.charge < 0], 0, fields)
    plus = _columns(muons[muons.charge > 0], 0, fields)
    paired = ak.to_numpy(ak.any(muons.charge < 0, axis=1) & ak.any(muons.charge > 0, axis=1))
    minus, plus = _choose(paired, minus), _choose(paired, plus)
    minus_leads = minus["pt"] >= plus["pt"]
    lead, trail = _choose(minus_leads, minus, plus), _choose(minus_leads, plus, minus)
    jet1, jet2 = (_columns(jets, rank, (*_KINEMATICS, "qgl")) for rank in (0, 1))

    muon_minus, muon_plus, jet1_momenta, jet2_momenta = (_momenta(x) for x in (minus, plus, jet1, jet2))
    return Candidates(
        muon_minus=muon_minus,
        muon_plus=muon_plus,
        muon1=_momenta(lead),
        muon2=_momenta(trail),
        muon1_isolation=lead["pfRelIso04_all"],
        muon2_isolation=trail["pfRelIso04_all"],
        muon1_pt_error=lead["ptErr"],
        muon2_pt_error=trail["ptErr"],
        jet1=jet1_momenta,
        jet2=jet2_momenta,
        jet1_qgl=jet1["qgl"],
        jet2_qgl=jet2["qgl"],
        dimuon=muon_minus + muon_plus,
        dijet=jet1_momenta + jet2_momenta,
        n_muons=_count(muons.pt),
        n_jets=_count(jets.pt),
    )


def _columns(objects: ak.Array, rank: int, fields: tuple[str, ...]) -> _Columns:
    """The object of that rank in each event, NaN where there are fewer."""
    chosen = ak.pad_none(objects, rank + 1, axis=1)[:, rank]
    columns = {name: ak.values_astype(chosen[name], np.float64) for name in fields}
    return {name: np.asarray(ak.to_numpy(ak.fill_none(x, np.nan)), np.float64) for name, x in columns.items()}


def _choose(condition: NDArray[np.bool_], yes: _Columns, no: _Columns | None = None) -> _Columns:
    return {name: np.where(condition, yes[name], no[name] if no else np.nan) for name in yes}


def _momenta(columns: _Columns) -> MomentumArray:
    return momenta(*(columns[name] for name in _KINEMATICS))


def _count(values: ak.Array) -> NDArray[np.int64]:
    return np.asarray(ak.to_numpy(ak.num(values, axis=1)), np.int64)
