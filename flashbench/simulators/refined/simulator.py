"""`refined`: fast simulation, corrected jet by jet and muon by muon.

Reads the fast tier. A network shifts pt and the four DeepJet scores of each jet, and pt and isolation of each muon,
given pt, η and category of the generator object. It is a deterministic map: it moves and stretches distributions, but
adds no smearing of its own. Objects without a generator object stay as they are.

References:
    S. Bein et al., EPJ Web Conf. 295 (2024) 09032; M. Wolf et al., SciPost Phys. Core 8 (2025) 021.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import awkward as ak
import numpy as np

from flashbench.events import RECO_BRANCHES, Tier
from flashbench.simulators.protocol import SimulatorInfo
from flashbench.simulators.refined.objects import follow, look_up, put_back
from flashbench.simulators.refined.refiner import FAILURES, Refiner, identity, read_manifest
from flashbench.simulators.refined.variables import KINDS, SCORES

VARIABLE: Final = "FLASHBENCH_REFINED_WEIGHTS"
SHIPPED: Final = Path(__file__).parent / "weights"
_THREADS: Final = 2
_NEEDS: Final = (
    *(f"Jet_{name}" for name in SCORES),
    *("Jet_genJetIdx", "GenJet_pt", "GenJet_eta", "GenJet_hadronFlavour"),
    *("Muon_genPartIdx", "GenPart_pt", "GenPart_eta", "GenPart_statusFlags"),
)
_INDICES: Final = (("Muon", "jetIdx", "Jet"), ("Jet", "muonIdx1", "Muon"), ("Jet", "muonIdx2", "Muon"))  # NanoAOD's


class RefinedSimulator:
    """FastSim with refined jets and muons.

    Weights are read when the first block comes; a pickled simulator holds none, only where they are.

    Attributes:
        counts: objects so far by kind and by what became of them, e.g. `counts["jets"]["not finite"]`.
    """

    def __init__(self, weights: Path | None = None, *, muons: bool = True) -> None:
        """Look at the weights.

        Args:
            weights: folder of `flashbench train refined`; None takes FLASHBENCH_REFINED_WEIGHTS, else the shipped ones.
            muons: refine muons too; False to see their effect.

        Raises:
            PluginError: no weights there, or of other variables.
        """
        self.weights = Path(weights or os.environ.get(VARIABLE) or SHIPPED)
        manifest = read_manifest(self.weights)
        self.kinds = tuple(name for name in KINDS if name in manifest["networks"] and (muons or name != "muons"))
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in self.kinds}
        self._warned = False
        changes = [] if muons else ["no-muons"]
        self.info = SimulatorInfo(
            "refined",
            "-".join([f"1+{identity(manifest)}", *changes]),
            "FastSim refined" + ("" if muons else " (no muons)"),
            Tier.FAST,
            stochastic=False,
            provides=frozenset(RECO_BRANCHES),
            needs=frozenset(_NEEDS),
        )

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `Simulator.simulate`; draws nothing from `rng`.

        The output also holds `NAME_unrefined` of every refined variable, and the flag `refined`.

        Warns:
            UserWarning: the network gave values that are not finite or out of range, once a simulator; those objects
                stay as they were.

        Raises:
            SchemaError: scores, links or generator columns are missing.
            PluginError: the weights are damaged.
        """
        out = {name: events[name] for name in ("Muon", "Jet")}
        orders = {}
        for name in self.kinds:
            kind = KINDS[name]
            looked = look_up(events, kind)
            refined = self.refiner(name).refine(looked.values, looked.parameters, looked.matched)
            self.counts[name].update(refined.counts)
            self._warn_failed(name, refined.counts)
            out[kind.collection], orders[kind.collection] = put_back(events, kind, refined)
        for owner, index, target in _INDICES:
            if index in out[owner].fields and target in orders:
                out[owner] = ak.with_field(out[owner], follow(out[owner][index], orders[target]), index)
        return ak.zip(out, depth_limit=1)

    def _warn_failed(self, name: str, counts: Mapping[str, int]) -> None:
        failed = sum(counts[reason] for reason in FAILURES)
        if failed and not self._warned:
            self._warned = True
            number = sum(counts.values())
            warnings.warn(
                f"refined: {failed} of {number} {name} of a block came out not finite or out of range; "
                "they stay unrefined (said once)",
                stacklevel=3,
            )

    def refiner(self, name: str) -> Refiner:
        """The network for "jets" or "muons", read on first use in a process.

        Raises:
            PluginError: see `Refiner.load`.
        """
        return _load(self.weights, self.info.version, name)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"counts": {name: Counter() for name in self.kinds}}


@cache  # a block's simulator may be a fresh copy: reading weights for every block would dominate
def _load(directory: Path, version: str, name: str) -> Refiner:
    return Refiner.load(directory, name, 1 if multiprocessing.parent_process() else _THREADS)
