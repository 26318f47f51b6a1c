"""The VBF H → μμ analysis of CMS, JHEP 01 (2021) 148, on blocks of NanoAOD-like events.

What to use when:

- `analyse(events, cuts)`: a block of events in, a table of observables with regions and a cutflow out.
- `Cuts`: the thresholds; `Cuts(leading_muon_pt=26, trigger="HLT_IsoMu24")` is the full published event
  selection.
- `open_discriminator(path)`: a network in ONNX, for `analyse(events, cuts, discriminator)`.
- `all_observables()`, `REGIONS`: what to iterate over in plots and metrics.
- `Cutflow`: add those of blocks with `+`.
- `select_muons`, `select_jets`, `find_candidates`: the steps of `analyse`, for other analyses.
- `flashbench.analysis.kinematics`: the formulas by themselves.

Everything is vectorised over events, in float64, and a pure function of its arguments.
"""

from flashbench.analysis.candidates import Candidates, find_candidates
from flashbench.analysis.cutflow import Cutflow, CutflowStep
from flashbench.analysis.cuts import Cuts
from flashbench.analysis.dnn import Discriminator, lacks_qgl, open_discriminator, shipped
from flashbench.analysis.kinematics import (
    FloatArray,
    MomentumArray,
    collins_soper,
    eta_gap,
    invariant_mass,
    mass_resolution,
    min_eta_distance,
    momenta,
    natural_log,
    pt_balance,
    zeppenfeld,
)
from flashbench.analysis.objects import select_jets, select_muons
from flashbench.analysis.observables import OBSERVABLES, Observable, all_observables, find_observable
from flashbench.analysis.regions import REGIONS, Region, find_region, region_codes
from flashbench.analysis.vbf import Analysed, analyse

__all__ = [
    "OBSERVABLES",
    "REGIONS",
    "Analysed",
    "Candidates",
    "Cutflow",
    "CutflowStep",
    "Cuts",
    "Discriminator",
    "FloatArray",
    "MomentumArray",
    "Observable",
    "Region",
    "all_observables",
    "analyse",
    "collins_soper",
    "eta_gap",
    "find_candidates",
    "find_observable",
    "find_region",
    "invariant_mass",
    "lacks_qgl",
    "mass_resolution",
    "min_eta_distance",
    "momenta",
    "natural_log",
    "open_discriminator",
    "pt_balance",
    "region_codes",
    "select_jets",
    "select_muons",
    "shipped",
    "zeppenfeld",
]
