"""`flowmatch`: FlashSim with the flows of jets and muons replaced."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from flashbench.errors import PluginError
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS, MUON_CONDITIONS, MUON_TARGETS
from flashbench.simulators.flash.networks import PARTS, Networks, read_manifest
from flashbench.simulators.flash.simulator import FlashSimulator
from flashbench.simulators.flash.weights import digest

VARIABLE: Final = "FLASHBENCH_FLOWMATCH_WEIGHTS"


class FlowMatchSimulator(FlashSimulator):
    """Learned response by flow matching; efficiency, fakes and charge flips as in FlashSim."""

    def __init__(
        self, weights: str | Path | None = None, *, steps: int = 0, fakes: bool = True, efficiency: bool = True
    ) -> None:
        """Look at the weights.

        Args:
            weights: folder of `flashbench flowmatch train`; None takes FLASHBENCH_FLOWMATCH_WEIGHTS.
            steps: of the integration; 0 for those of the training.
            fakes, efficiency: see `FlashSimulator`.

        Raises:
            PluginError: no weights there, or of another family or feature tables.
        """
        chosen = weights or os.environ.get(VARIABLE)
        hint = "train: flashbench flowmatch train"
        if not chosen:
            raise PluginError("simulator 'flowmatch'", f"no weights: {VARIABLE} is not set", hint)
        if read_manifest(Path(chosen)).get("family") != "flow matching":
            raise PluginError(str(chosen), "holds weights of another family", hint)
        super().__init__(Path(chosen), fakes=fakes, efficiency=efficiency)
        self.steps = steps
        version = self.info.version + (f"-{steps}-steps" if steps else "")
        label = self.info.label.replace("FlashSim", "Flow matching") + (f", {steps} steps" if steps else "")
        self.info = replace(self.info, name="flowmatch", version=version, label=label)

    @property
    def networks(self) -> Networks:
        """The loaded networks; read on first use in a process."""
        return _load(self.weights, self.info.version, self.steps)


@cache  # a block's simulator may be a fresh copy: reading weights for every block would dominate
def _load(directory: Path, version: str, steps: int) -> Networks:
    from flashbench.simulators.flash.efficiency import ChargeFlip, Classifier
    from flashbench.simulators.flash.fakes import FAKE_CONDITIONS, FAKE_TARGETS, FakeJets
    from flashbench.simulators.flash.model import FlowModel
    from flashbench_flowmatch.model import FlowMatchModel

    manifest: dict[str, Any] = read_manifest(directory)
    for part in PARTS:
        if manifest["networks"].get(part) != digest(directory / part):
            problem = f"'{part}' has another hash than manifest.json names"
            raise PluginError(str(directory), problem, "restore the folder, or train again")

    return Networks(
        FlowMatchModel.load(directory / "jets", JET_TARGETS, JET_CONDITIONS, steps or None),
        FlowMatchModel.load(directory / "muons", MUON_TARGETS, MUON_CONDITIONS, steps or None),
        Classifier.load(directory / "jet-efficiency", JET_CONDITIONS),
        Classifier.load(directory / "muon-efficiency", MUON_CONDITIONS),
        FakeJets(
            Classifier.load(directory / "fake-number", FAKE_CONDITIONS),
            FlowModel.load(directory / "fake-features", FAKE_TARGETS, FAKE_CONDITIONS),
        ),
        ChargeFlip.from_dict(manifest["charge_flip"]),
    )
