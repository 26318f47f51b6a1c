"""The observables of the VBF H → μμ analysis: what is tabulated, plotted and compared.

A new observable is one entry of a group below, or an entry point of the group `flashbench.observables`; the table, the
plots, the metrics and the CLI follow.

What to use when: `all_observables()` for all there are, `OBSERVABLES` for those of flashbench itself.

References:
    CMS, JHEP 01 (2021) 148, for the quantities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import pi

import numpy as np
from numpy.typing import ArrayLike

from flashbench import plugins
from flashbench.analysis import kinematics
from flashbench.analysis.candidates import Candidates
from flashbench.analysis.kinematics import FloatArray, natural_log
from flashbench.errors import PluginError, SchemaError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Observable:
    """One number per event, with its standard plot.

    Attributes:
        name: column of the table and part of file names.
        label: mathtext, without the unit.
        unit: "GeV", "rad" or "".
        bins, low, high: uniform binning of the standard plot; values beyond it are kept in the table.
        regions: names of the regions in which the standard plot is made.
        function: of `Candidates`, shape (events,). Call `evaluate`, which guards it. None for a score, which the
            discriminator fills; a run without one has no such column.
    """

    name: str
    label: str
    unit: str
    bins: int
    low: float
    high: float
    regions: tuple[str, ...]
    function: Callable[[Candidates], ArrayLike] | None

    def evaluate(self, candidates: Candidates) -> FloatArray:
        """The observable of each event in float64, shape (events,); NaN where undefined or infinite.

        Raises:
            SchemaError: it is a score.
        """
        if self.function is None:
            raise SchemaError("analysis", self.name, "is a score, not a function of the candidates", "use analyse")
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.function(candidates), dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    @property
    def axis_label(self) -> str:
        """Label with unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def _resolution(c: Candidates) -> FloatArray:
    return kinematics.mass_resolution(c.dimuon.mass, c.muon1.pt, c.muon1_pt_error, c.muon2.pt, c.muon2_pt_error)


def _relative_resolution(c: Candidates) -> FloatArray:
    return np.asarray(_resolution(c) / c.dimuon.mass, dtype=np.float64)


def _cos_theta_cs(c: Candidates) -> FloatArray:
    return kinematics.collins_soper(c.muon_minus, c.muon_plus)[0]


def _phi_cs(c: Candidates) -> FloatArray:
    return kinematics.collins_soper(c.muon_minus, c.muon_plus)[1]


def _pt_balance(c: Candidates) -> FloatArray:
    return kinematics.pt_balance(c.dimuon, c.jet1, c.jet2)


def _zstar(c: Candidates) -> FloatArray:
    return kinematics.zeppenfeld(c.dimuon, c.jet1, c.jet2)


def _ln_zstar(c: Candidates) -> FloatArray:
    return natural_log(np.abs(_zstar(c)))


def _min_eta_distance(c: Candidates) -> FloatArray:
    return kinematics.min_eta_distance(c.dimuon, c.jet1, c.jet2)


def _ln_dimuon_pt(c: Candidates) -> FloatArray:
    return natural_log(c.dimuon.pt)


def _ln_dijet_mass(c: Candidates) -> FloatArray:
    return natural_log(c.dijet.mass)


def _eta_gap(c: Candidates) -> FloatArray:
    return kinematics.eta_gap(c.jet1, c.jet2)


_EVERYWHERE = ("all", "PreSel")
_PRESEL = ("PreSel",)
_SIGNAL = ("SR", "PreSel")

_DIMUON = (
    Observable("dimuon_mass", r"$m_{\mu\mu}$", "GeV", 80, 70, 150, _EVERYWHERE, lambda c: c.dimuon.mass),
    Observable("dimuon_mass_resolution", r"$\Delta m_{\mu\mu}$", "GeV", 40, 0, 8, _PRESEL, _resolution),
    Observable("dimuon_relative_resolution", r"$\Delta m/m\ (\mu\mu)$", "", 40, 0, 0.06, _PRESEL, _relative_resolution),
    Observable("dimuon_pt", r"$p_T(\mu\mu)$", "GeV", 40, 0, 400, _EVERYWHERE, lambda c: c.dimuon.pt),
    Observable("ln_dimuon_pt", r"$\ln(p_T(\mu\mu) / \mathrm{GeV})$", "", 40, 0, 8, _PRESEL, _ln_dimuon_pt),
    Observable("dimuon_eta", r"$\eta(\mu\mu)$", "", 40, -6, 6, _PRESEL, lambda c: c.dimuon.eta),
    Observable("dimuon_rapidity", r"$y(\mu\mu)$", "", 30, -2.4, 2.4, _PRESEL, lambda c: c.dimuon.rapidity),
    Observable("cos_theta_cs", r"$\cos\theta_{CS}$", "", 20, -1, 1, _PRESEL, _cos_theta_cs),
    Observable("phi_cs", r"$\phi_{CS}$", "rad", 20, -pi, pi, _PRESEL, _phi_cs),
)
_DIMUON_AND_JETS = (
    Observable("pt_balance", r"$R(p_T)$", "", 30, 0, 1, _SIGNAL, _pt_balance),
    Observable("zstar", r"$z^*$", "", 40, -2, 2, _PRESEL, _zstar),
    Observable("ln_zstar", r"$\ln|z^*|$", "", 30, -2, 2, _PRESEL, _ln_zstar),
    Observable("ln_zstar_wide", r"$\ln|z^*|$", "", 56, -12, 2, _PRESEL, _ln_zstar),
    Observable("min_eta_distance", r"$\min_j |\eta(\mu\mu) - \eta(j)|$", "", 30, 0, 6, _PRESEL, _min_eta_distance),
)
_MUONS = (
    Observable("muon1_pt", r"Leading muon $p_T$", "GeV", 30, 0, 300, _EVERYWHERE, lambda c: c.muon1.pt),
    Observable("muon1_eta", r"Leading muon $\eta$", "", 24, -2.4, 2.4, _PRESEL, lambda c: c.muon1.eta),
    Observable("muon1_isolation", "Leading muon isolation", "", 30, 0, 0.01, _PRESEL, lambda c: c.muon1_isolation),
    Observable("muon2_pt", r"Second muon $p_T$", "GeV", 30, 0, 150, _EVERYWHERE, lambda c: c.muon2.pt),
    Observable("muon2_eta", r"Second muon $\eta$", "", 24, -2.4, 2.4, _PRESEL, lambda c: c.muon2.eta),
    Observable("muon2_isolation", "Second muon isolation", "", 30, 0, 0.01, _PRESEL, lambda c: c.muon2_isolation),
    Observable("n_muons", "Selected muons", "", 6, -0.5, 5.5, _EVERYWHERE, lambda c: c.n_muons),
)
_JETS = (
    Observable("jet1_pt", r"Leading jet $p_T$", "GeV", 30, 0, 300, _EVERYWHERE, lambda c: c.jet1.pt),
    Observable("jet1_eta", r"Leading jet $\eta$", "", 47, -4.7, 4.7, _EVERYWHERE, lambda c: c.jet1.eta),
    Observable("jet1_phi", r"Leading jet $\phi$", "rad", 20, -pi, pi, _PRESEL, lambda c: c.jet1.phi),
    Observable("jet1_qgl", "Leading jet QGL", "", 25, 0, 1, _PRESEL, lambda c: c.jet1_qgl),
    Observable("jet2_pt", r"Second jet $p_T$", "GeV", 30, 0, 300, _EVERYWHERE, lambda c: c.jet2.pt),
    Observable("jet2_eta", r"Second jet $\eta$", "", 47, -4.7, 4.7, _EVERYWHERE, lambda c: c.jet2.eta),
    Observable("jet2_phi", r"Second jet $\phi$", "rad", 20, -pi, pi, _PRESEL, lambda c: c.jet2.phi),
    Observable("jet2_qgl", "Second jet QGL", "", 25, 0, 1, _PRESEL, lambda c: c.jet2_qgl),
    Observable("n_jets", "Selected jets", "", 12, -0.5, 11.5, _EVERYWHERE, lambda c: c.n_jets),
    Observable("dijet_mass", r"$m_{jj}$", "GeV", 40, 0, 4000, _PRESEL, lambda c: c.dijet.mass),
    Observable("ln_dijet_mass", r"$\ln(m_{jj} / \mathrm{GeV})$", "", 35, 5.5, 9, _PRESEL, _ln_dijet_mass),
    Observable("dijet_eta_gap", r"$|\Delta\eta_{jj}|$", "", 38, 0, 9.5, _PRESEL, _eta_gap),
)

_SCORES = (
    Observable("dnn", "DNN output", "", 20, 0, 1, ("SR",), None),
    Observable("dnn_atanh", "artanh(DNN output)", "", 15, 0, 4, ("SR",), None),
    Observable("dnn_noqgl_atanh", "artanh(DNN output), neutral QGL", "", 30, 0, 5, _PRESEL, None),
)

OBSERVABLES: tuple[Observable, ...] = (*_DIMUON, *_DIMUON_AND_JETS, *_MUONS, *_JETS, *_SCORES)


@cache  # entry points do not change while it runs
def all_observables() -> tuple[Observable, ...]:
    """Those of flashbench, then those of plugins; see `flashbench.plugins` for names that are taken."""
    found = plugins.objects("observable", Observable, {o.name for o in OBSERVABLES})
    return (*OBSERVABLES, *(_named(each, plugin) for plugin, each in found))


def _named(observable: Observable, plugin: plugins.Plugin) -> Observable:
    """The observable, with a function whose failure names the plugin."""
    given = observable.function
    if given is None:
        return observable

    def function(candidates: Candidates) -> ArrayLike:
        try:
            return given(candidates)
        except Exception as error:
            where = f"observable '{observable.name}' of {plugin.origin}"
            raise PluginError(where, f"raised {type(error).__name__}: {error}", "a fault of the plugin") from error

    return replace(observable, function=function)


def find_observable(name: str) -> Observable:
    """The observable of that name.

    Raises:
        UnknownNameError: there is none; suggests near ones.
    """
    for observable in all_observables():
        if observable.name == name:
            return observable
    raise UnknownNameError("observable", name, (o.name for o in all_observables()))
