"""`flash`: normalizing flows from generator jets and muons to NanoAOD ones.

Generator object → conditions → reconstructed or not → flow → NanoAOD quantities; fake jets on top; sorted by pt. Muons
that no generator muon stands behind (decays in flight, punch-through) are not simulated.

References:
    F. Vaselli et al., "FlashSim prototype: an end-to-end fast simulation using Normalizing Flow", CMS NOTE-2023/003.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.events import Tier, branch
from flashbench.simulators.flash import conditions as conditioning
from flashbench.simulators.flash.feature import FloatArray
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS
from flashbench.simulators.flash.networks import Networks, identity, read_manifest, require_libraries
from flashbench.simulators.flash.pairs import Flat
from flashbench.simulators.gen import MUON_MASS
from flashbench.simulators.protocol import SimulatorInfo

if TYPE_CHECKING:
    from flashbench.simulators.flash.efficiency import Classifier
    from flashbench.simulators.flash.model import FlowModel

VARIABLE: Final = "FLASHBENCH_FLASH_WEIGHTS"
SHIPPED: Final = Path(__file__).parent / "weights"
_THREADS: Final = 2
_BESIDE_FLOWS: Final = (
    *("Muon_mass", "Muon_charge", "Muon_genPartIdx"),
    *("Jet_genJetIdx", "Jet_partonFlavour", "Jet_hadronFlavour"),
)

Columns = dict[str, NDArray[Any]]


class FlashSimulator:
    """FlashSim: learned response, efficiency and fakes.

    Weights are read when the first block comes; a pickled simulator holds none, only where they are.
    """

    def __init__(
        self, weights: Path | None = None, *, fakes: bool = True, efficiency: bool = True, compile: bool = False
    ) -> None:
        """Look at the weights.

        Args:
            weights: folder of `flashbench train flash`; None takes FLASHBENCH_FLASH_WEIGHTS, else the shipped ones.
            fakes: add jets that have no generator jet; False to see their effect.
            efficiency: lose objects as the detector does; False reconstructs every one.
            compile: compile the sampling (needs a C++ compiler; costs half a minute at first use).

        Raises:
            PluginError: no weights there, or of other feature tables; or torch is not installed.
        """
        require_libraries()
        self.weights = Path(weights or os.environ.get(VARIABLE) or SHIPPED)
        self.fakes, self.efficiency, self.compile = fakes, efficiency, compile
        manifest = read_manifest(self.weights)
        off = [name for name, on in (("fakes", fakes), ("efficiency", efficiency)) if not on]
        changes = [f"no-{name}" for name in off] + (["compiled"] if compile else [])
        label = "FlashSim" + (f" (no {', no '.join(off)})" if off else "")
        self.info = SimulatorInfo(
            "flash",
            "-".join([f"1+{identity(manifest)}", *changes]),
            label,
            Tier.GEN,
            stochastic=True,
            provides=frozenset([*_BESIDE_FLOWS, *manifest["provides"]]),
        )
        self._warned = False

    def simulate(self, events: ak.Array, rng: np.random.Generator) -> ak.Array:
        """See `Simulator.simulate`.

        Warns:
            UserWarning: generator pt outside the training range, once a simulator, with the number of objects; the
                networks see the nearest pt of the training, the result scales with the true one.

        Raises:
            SchemaError: no generator columns.
            PluginError, InputError: the weights are damaged.
        """
        networks = self.networks
        gen_jets, gen_muons = conditioning.gen_jets(events), conditioning.gen_muons(events)
        candidates = conditioning.reconstructible(gen_muons)
        columns = conditioning.jet_conditions(gen_jets, gen_muons, events)
        jets = self._reconstruct(
            gen_jets, conditioning.stack(columns, JET_CONDITIONS), networks.jet_efficiency, networks.jets, rng
        )
        columns = conditioning.muon_conditions(candidates, gen_jets, events)
        muons = self._reconstruct(
            candidates, conditioning.stack(columns, MUON_CONDITIONS), networks.muon_efficiency, networks.muons, rng
        )
        parts = [self._real_jets(jets)]
        if self.fakes:
            drawn = networks.fakes.draw(conditioning.event_conditions(events, gen_jets), gen_jets, rng, _threads())
            parts.append(_fake_jets(drawn))
        real = self._real_muons(muons, networks, rng)
        return ak.zip({"Muon": _collect("Muon", [real]), "Jet": _collect("Jet", parts)}, depth_limit=1)

    @property
    def networks(self) -> Networks:
        """The loaded networks; read on first use in a process."""
        return _load(self.weights, self.info.version, self.compile)

    def _reconstruct(
        self, generated: Flat, conditions: FloatArray, efficiency: Classifier, flow: FlowModel, rng: np.random.Generator
    ) -> Flat:
        """Reconstructed objects with columns `gen.*` of the generator and those of the flow's targets.

        Lost are also those at |η| where training had none, and the few whose pt stays below what NanoAOD stores.
        """
        if self.efficiency:
            found = (efficiency.throw(conditions, rng) == 1) & flow.seen(conditions, "gen_eta")
            generated, conditions = generated.select(found), conditions[found]
        self._warn_outside(flow, conditions)
        values, stored = flow.generate_stored(conditions, rng, _threads())
        if self.efficiency:
            generated, conditions, values = generated.select(stored), conditions[stored], values[stored]
        place = {feature.name: k for k, feature in enumerate(flow.conditions)}
        columns: Columns = {f"gen.{name}": column for name, column in generated.columns.items()}
        for k, feature in enumerate(flow.targets):
            anchor = conditions[:, place[feature.anchor]] if feature.anchor else None
            columns[feature.branch.partition("_")[2]] = feature.decode(values[:, k], anchor)
        return Flat(columns, generated.counts)

    def _warn_outside(self, flow: FlowModel, conditions: FloatArray) -> None:
        if self._warned:
            return
        outside = flow.outside(conditions).get("gen_pt", 0)
        if outside:
            self._warned = True
            warnings.warn(
                f"flash: gen pT of {outside} of {len(conditions)} objects in a block is outside the training range; "
                "the networks see the nearest pT of the training (said once)",
                stacklevel=4,
            )

    @staticmethod
    def _real_jets(jets: Flat) -> Flat:
        links = {
            "genJetIdx": jets["gen.index"],
            "partonFlavour": jets["gen.partonFlavour"],
            "hadronFlavour": jets["gen.hadronFlavour"],
        }
        return Flat(_of_detector(jets) | links, jets.counts)

    @staticmethod
    def _real_muons(muons: Flat, networks: Networks, rng: np.random.Generator) -> Flat:
        charge = -np.sign(muons["gen.pdgId"])  # μ⁻ has PDG code 13
        flipped = networks.charge.throw(muons["gen.pt"], rng)
        more = {
            "mass": np.full(len(muons), MUON_MASS),
            "charge": np.where(flipped, -charge, charge),
            "genPartIdx": muons["gen.index"],
        }
        return Flat(_of_detector(muons) | more, muons.counts)


@cache  # a block's simulator may be a fresh copy: reading weights for every block would dominate
def _load(directory: Path, version: str, compile: bool) -> Networks:
    return Networks.load(directory, compile=compile)


def _of_detector(objects: Flat) -> Columns:
    return {name: column for name, column in objects.columns.items() if not name.startswith("gen.")}


def _fake_jets(fakes: Flat) -> Flat:
    none = np.zeros(len(fakes), dtype=np.int64)
    links = {"genJetIdx": none - 1, "partonFlavour": none, "hadronFlavour": none}
    return Flat(fakes.columns | links, fakes.counts)


def _collect(name: str, parts: list[Flat]) -> ak.Array:
    """Objects of all parts, by event and descending pt, in the memory types of the schema."""
    event = np.concatenate([part.event for part in parts])
    columns = {field: np.concatenate([part[field] for part in parts]) for field in parts[0].columns}
    order = np.lexsort((-columns["pt"], event))
    typed = {field: column[order].astype(branch(f"{name}_{field}").memory_dtype) for field, column in columns.items()}
    return ak.unflatten(ak.zip(typed), sum(part.counts for part in parts))


def _threads() -> int:
    """One in a worker process, where there are as many as cores; else two."""
    return 1 if multiprocessing.parent_process() else _THREADS
