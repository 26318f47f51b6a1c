"""What to ask Pythia for: one recipe for each process.

Adding a process is one entry in `RECIPES`. Cross-sections are Pythia's own at leading order, unless a recipe says
where its number comes from. Energies in GeV, cross-sections in pb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from flashbench.errors import UnknownNameError

COMMON = (
    "Beams:eCM = 13000.",
    "Tune:pp = 14",
    "Random:setSeed = on",
    "Print:quiet = on",
    "Next:numberCount = 0",
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",  # mm: K0S and Lambda reach the detector, which lets them decay in flight
)

MINIMUM_BIAS = ("SoftQCD:inelastic = on",)

_HIGGS_TO_MUONS = ("25:m0 = 125.", "25:onMode = off", "25:onIfMatch = 13 -13")
_VBF = ("HiggsSM:ff2Hff(t:WW) = on", "HiggsSM:ff2Hff(t:ZZ) = on")
_DRELL_YAN = (
    "WeakBosonAndParton:qqbar2gmZg = on",
    "WeakBosonAndParton:qg2gmZq = on",
    "PhaseSpace:pTHatMin = 20.",
    "23:mMin = 105.",
    "23:mMax = 160.",
    "23:onMode = off",
    "23:onIfMatch = 13 -13",
)
_TOP_PAIRS = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")

_T1TTTT_SLHA = """\
# Simplified model: gluino pairs, each gluino -> neutralino + top pair (three-body phase space).
BLOCK MODSEL
  1  1
BLOCK MASS
  1000021  1500.0
  1000022   200.0
DECAY 1000021 1.0
  1.0  3  1000022  6  -6
DECAY 1000022 0.0
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one process is generated.

    Args:
        process: key, as on the command line.
        label: mathtext for legends.
        settings: Pythia settings beyond `COMMON`.
        phase_space: "vbf" keeps only events that can enter the VBF selection (see `filters.py`), "all" keeps all.
        slha: a spectrum in the SUSY Les Houches format, or empty.
        cross_section_pb: a cross-section that replaces Pythia's, or None.
        note: what a user must know before trusting the sample.
        version: raised when the meaning of the recipe changes.
    """

    process: str
    label: str
    settings: tuple[str, ...]
    phase_space: Literal["all", "vbf"] = "all"
    slha: str = ""
    cross_section_pb: float | None = None
    note: str = ""
    version: int = 1


def _table(*recipes: Recipe) -> Mapping[str, Recipe]:
    return MappingProxyType({recipe.process: recipe for recipe in recipes})


RECIPES: Mapping[str, Recipe] = _table(
    Recipe(
        "vbf_hmm",
        r"VBF H$\to\mu\mu$",
        (*_VBF, *_HIGGS_TO_MUONS, "SpaceShower:dipoleRecoil = on"),
        note="dipole recoil: colour-connected radiation, as suits vector-boson fusion (Pythia 8.3 manual)",
    ),
    Recipe(
        "vbf_hmm_alt",
        r"VBF H$\to\mu\mu$ (global recoil)",
        (*_VBF, *_HIGGS_TO_MUONS),
        note="global recoil of initial-state radiation: the known shower systematic of vector-boson fusion",
    ),
    Recipe(
        "dy2j",
        r"DY$\to\mu\mu$ + 2 jets",
        _DRELL_YAN,
        phase_space="vbf",
        note="105 < m < 160 GeV, kept when two muons and a VBF-like parton pair can pass the selection; "
        "events whose VBF pair is a pile-up jet are lost: see dy2j_unfiltered",
    ),
    Recipe(
        "dy2j_unfiltered",
        r"DY$\to\mu\mu$ + jets",
        _DRELL_YAN,
        note="105 < m < 160 GeV and one parton above 20 GeV; few events pass the VBF selection",
    ),
    Recipe(
        "ewk_lljj",
        r"EW $\mu\mu$jj (scalar proxy)",
        (
            *_VBF,
            "SpaceShower:dipoleRecoil = on",
            "25:m0 = 91.19",  # 91.1876 exactly gives NaN in Pythia 8.317
            "25:mWidth = 2.4952",
            "25:doForceWidth = on",
            "25:mMin = 105.",
            "25:mMax = 160.",
            "25:onMode = off",
            "25:onIfMatch = 13 -13",
        ),
        cross_section_pb=1.03 * 0.02255,
        note="a proxy: a scalar of Z mass and width in vector-boson fusion, since Pythia has no t-channel "
        "electroweak Z + 2 jets; flat decay angles. Cross-section: 1.03 pb (CMS, m > 50 GeV, m_jj > 120 GeV) "
        "times the part 2.255e-2 of the Z line shape in 105 < m < 160 GeV. For the real process give an LHE file",
    ),
    Recipe("ttbar", r"t$\bar{\mathrm{t}}$", _TOP_PAIRS),
    Recipe(
        "ttbar_mumu",
        r"t$\bar{\mathrm{t}}\to\mu$ + X",
        (*_TOP_PAIRS, "24:onMode = off", "24:onIfAny = 13"),
        note="both W bosons decay to a muon",
    ),
    Recipe(
        "t1tttt",
        r"T1tttt (1500, 200)",
        ("SUSY:gg2gluinogluino = on", "SUSY:qqbar2gluinogluino = on"),
        slha=_T1TTTT_SLHA,
        note="gluino 1500 GeV, neutralino 200 GeV, decay by three-body phase space",
    ),
)


def recipe(process: str) -> Recipe:
    """The recipe of a process.

    Raises:
        UnknownNameError: no such process.
    """
    try:
        return RECIPES[process]
    except KeyError:
        raise UnknownNameError("production recipe", process, RECIPES) from None


def lhe_recipe(process: str) -> Recipe:
    """The recipe that showers a user's LHE file under the name `process`."""
    known = RECIPES.get(process)
    label = known.label if known else process
    return Recipe(process, label, ("Beams:frameType = 4",), note="matrix element from a user's LHE file")
