"""All that FlashSim has learned, as one folder.

    weights/
    ├── manifest.json           recipe, seed, hashes, versions, charge flips, checks of the training
    ├── jets/, muons/           flows of the reconstructed quantities
    ├── jet-states/             what is decided of a jet before its flow is asked
    ├── jet-efficiency/, muon-efficiency/
    └── fake-number/, fake-features/

What to use when: `read_manifest` to know what a folder holds without loading it, `Networks.load` to use it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flashbench.errors import PluginError
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS, FAKE_TARGETS, FakeJets
from flashbench.simulators.flash.features import (
    FEATURE_VERSION,
    JET_CONDITIONS,
    JET_TARGETS,
    MUON_CONDITIONS,
    MUON_TARGETS,
)
from flashbench.simulators.flash.weights import digest
from flashbench.storage import write_json

if TYPE_CHECKING:
    from flashbench.simulators.flash.efficiency import ChargeFlip, Classifier
    from flashbench.simulators.flash.model import FlowModel

MANIFEST: Final = "manifest.json"
LIBRARIES: Final = ("torch", "normflows", "safetensors")
PARTS: Final = ("jets", "muons", "jet-states", "jet-efficiency", "muon-efficiency", "fake-number", "fake-features")
_TRAIN: Final = "train: flashbench train flash --process ttbar"


@dataclass(frozen=True)
class Networks:
    """Flows, efficiencies, fakes and charge flips.

    Attributes:
        jets, muons: reconstructed quantities given conditions.
        jet_efficiency, muon_efficiency: outcome 1 is reconstructed.
        fakes: jets without a generator jet.
        charge: rate of wrong muon charges.
    """

    jets: FlowModel
    muons: FlowModel
    jet_efficiency: Classifier
    muon_efficiency: Classifier
    fakes: FakeJets
    charge: ChargeFlip

    @classmethod
    def load(cls, directory: Path, *, compile: bool = False) -> Networks:
        """Read a folder of weights.

        Args:
            directory: with `manifest.json` and one folder a network.
            compile: compile the flows' sampling; eager where that cannot be.

        Raises:
            PluginError, InputError: missing, damaged, of another feature version, or parts of different trainings.
        """
        from flashbench.simulators.flash.efficiency import ChargeFlip, Classifier
        from flashbench.simulators.flash.model import FlowModel
        from flashbench.simulators.flash.states import StateChooser

        manifest = read_manifest(directory)
        for part in PARTS:
            if manifest["networks"].get(part) != digest(directory / part):
                problem = f"'{part}' has another hash than manifest.json names: it is of another training"
                raise PluginError(str(directory), problem, f"restore the folder, or {_TRAIN}")
        chooser = StateChooser.load(directory / "jet-states", JET_TARGETS, JET_CONDITIONS)
        return cls(
            FlowModel.load(directory / "jets", JET_TARGETS, JET_CONDITIONS, compile, chooser),
            FlowModel.load(directory / "muons", MUON_TARGETS, MUON_CONDITIONS, compile),
            Classifier.load(directory / "jet-efficiency", JET_CONDITIONS),
            Classifier.load(directory / "muon-efficiency", MUON_CONDITIONS),
            FakeJets(
                Classifier.load(directory / "fake-number", FAKE_CONDITIONS),
                FlowModel.load(directory / "fake-features", FAKE_TARGETS, FAKE_CONDITIONS, compile),
            ),
            ChargeFlip.from_dict(manifest["charge_flip"]),
        )


def require_libraries() -> None:
    """Look for the libraries of the networks, without importing them.

    Raises:
        PluginError: one is not installed.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise PluginError("flash", f"{' and '.join(missing)} not installed", "pip install 'flashbench[flash]'")


def read_manifest(directory: Path) -> dict[str, Any]:
    """What a folder of weights holds.

    Raises:
        PluginError: there is no manifest, it is not JSON, or it belongs to other feature tables.
    """
    path = directory / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PluginError(str(directory), "holds no FlashSim weights", _TRAIN) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PluginError(str(path), f"is not JSON: {error}", f"restore it, or {_TRAIN}") from error
    if content.get("feature_version") != FEATURE_VERSION:
        problem = f"weights of feature tables {content.get('feature_version')}, this flashbench has {FEATURE_VERSION}"
        raise PluginError(str(directory), problem, f"use the flashbench they were made with, or {_TRAIN}")
    return content


def write_manifest(directory: Path, charge: ChargeFlip, provides: Iterable[str], more: Mapping[str, Any]) -> None:
    """Seal a folder of weights: written last, over the hashes of all its parts.

    Args:
        directory: holds every one of `PARTS`.
        charge: rate of wrong muon charges.
        provides: NanoAOD branches that the flows fill.
        more: recipe, seed, versions, checks of the training.
    """
    content = {
        "feature_version": FEATURE_VERSION,
        "networks": {part: digest(directory / part) for part in PARTS},
        "charge_flip": charge.to_dict(),
        "provides": sorted(provides),
        **more,
    }
    write_json(directory / MANIFEST, content)


def identity(manifest: dict[str, Any]) -> str:
    """Twelve digits that change with any network or rate."""
    text = json.dumps([manifest["networks"], manifest["charge_flip"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
