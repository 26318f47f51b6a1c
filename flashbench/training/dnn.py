"""Train the discriminator: signal against weighted backgrounds of the full tier, four networks by event number.

    out/
    ├── dnn.toml               list of the networks, for --dnn; written after them
    ├── dnn-0.onnx … dnn-3     network k scores events with event % 4 = k and is trained on the others
    ├── dnn.json               manifest: recipe, inputs, checksums, areas, S/√B
    └── training/              recipe.json; for each network history.jsonl and, until it is done, a checkpoint

A training that was killed goes on from its last epoch when it is started again with the same recipe and runs.

References:
    CMS, JHEP 01 (2021) 148 (weights by cross-section with signal and background of equal sum; four folds).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flashbench import provenance
from flashbench.analysis import open_discriminator
from flashbench.analysis.dnn import COLUMNS, INPUTS, Discriminator
from flashbench.errors import RunError
from flashbench.progress import Monitor, Progress
from flashbench.storage import write_json, write_text
from flashbench.training.discriminator import ETAS, PHI_CS, PHIS, DiscriminatorTask, MassAndKinematics, write_onnx
from flashbench.training.dnn_performance import performance
from flashbench.training.dnn_sample import Sample, gather
from flashbench.training.loop import Epoch, History, LoopConfig, fit

if TYPE_CHECKING:
    from flashbench.results import RunResult

FloatArray = NDArray[np.float64]

LIST: Final = "dnn.toml"
MANIFEST: Final = "dnn.json"
LARGEST: Final = 1 << 20  # bytes of all networks
_HELD_OUT: Final = 6  # one in so many events of the training folds validates
_AGREE: Final = 1e-6  # score of the exported network against torch's
_MASS: Final = INPUTS.index("dimuon_mass")
_SYMMETRIC: Final = (*ETAS, *PHIS, PHI_CS)


@dataclass(frozen=True, slots=True)
class DnnRecipe:
    """How the discriminator is trained.

    Attributes:
        region: of the training events: "SR", "PreSel", or "wide", which loosens mass window and dijet cuts.
        folds: networks, by event number.
        seed: of everything random.
        kinematics, mass, joint, dropout: shape, see `MassAndKinematics`.
        loop: how long and how fast.
    """

    region: str = "wide"
    folds: int = 4
    seed: int = 1
    kinematics: tuple[int, int] = (64, 32)
    mass: tuple[int, int] = (16, 8)
    joint: int = 32
    dropout: float = 0.1
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(epochs=120, batch=512, patience=25, decay=1e-3))


def train_dnn(runs: Sequence[RunResult], signal: str, out: Path, recipe: DnnRecipe, monitor: Monitor) -> dict[str, Any]:
    """Train all networks, or go on where a killed training stood, and test them on the events they did not see.

    Args:
        runs: of the full tier, one a process, with their cross-sections.
        signal: process of the signal; the others are background.
        out: folder of the networks.
        recipe: how.
        monitor: where progress goes, a stage a network.

    Returns:
        The manifest.

    Raises:
        RunError: `out` holds another training, or a network came out larger than 1 MB or other than torch's.
        InputError: too few events of a process, or a cross-section that is not known.
    """
    sample = gather(runs, signal, recipe.region)
    _claim(out, sample, recipe)
    facts = []
    for fold in range(recipe.folds):
        with monitor(f"network {fold + 1} of {recipe.folds}") as progress:
            facts.append(_train_fold(sample, fold, out, recipe, progress))
    names = [_name(fold) for fold in range(recipe.folds)]
    size = sum((out / name).stat().st_size for name in names)
    if size > LARGEST:
        raise RunError(str(out), f"networks of {size:,} bytes, at most {LARGEST:,} are shipped", "make them narrower")
    write_text(out / LIST, f"# network k scores events with event % {recipe.folds} = k\nmodels = {json.dumps(names)}\n")
    discriminator = open_discriminator(out / LIST)
    manifest = {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "signal": signal,
        "sha256": discriminator.sha256,
        "networks": {name: _sha256(out / name) for name in names},
        "bytes": size,
        "outputs": list(COLUMNS),
        "sample": sample.describe(),
        "training": facts,
        "performance": performance(discriminator, runs, signal),
        **provenance.describe(),
    }
    write_json(out / MANIFEST, manifest)
    return manifest


def _name(fold: int) -> str:
    return f"dnn-{fold}.onnx"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _claim(out: Path, sample: Sample, recipe: DnnRecipe) -> None:
    """Write down what this folder is for, or check that it is for that."""
    claim = json.loads(json.dumps({"recipe": asdict(recipe), "sample": sample.digest}))
    path = out / "training" / "recipe.json"
    if not path.exists():
        if (out / MANIFEST).exists():
            raise RunError(str(out), "holds networks without their recipe", "give another --out")
        write_json(path, claim)
    elif json.loads(path.read_text(encoding="utf-8")) != claim:
        raise RunError(
            str(out), "holds a training of another recipe or other events", "remove it, or give another --out"
        )


def _train_fold(sample: Sample, fold: int, out: Path, recipe: DnnRecipe, progress: Progress) -> dict[str, Any]:
    """Train, export and check the network that scores the events of one fold."""
    work, path = out / "training" / f"fold-{fold}", out / _name(fold)
    done = work / "facts.json"
    if done.exists() and path.exists():
        facts: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        if facts["sha256"] == _sha256(path):
            progress(facts["epochs"], facts["epochs"])
            return facts
    own = sample.event % np.uint64(recipe.folds) != fold
    inputs, signal, event = sample.inputs[own], sample.signal[own], sample.event[own]
    weight = _balanced(sample.weight[own], signal)
    held_out = (event // np.uint64(recipe.folds)) % np.uint64(_HELD_OUT) == 0
    mean, scale = _standard(inputs[~held_out], signal[~held_out] & sample.in_region[own][~held_out])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed * 1000 + fold)
        module = MassAndKinematics(recipe.kinematics, recipe.mass, recipe.joint, recipe.dropout)
    task = DiscriminatorTask(module, (inputs, signal, weight), held_out, (mean, scale))

    def report(epoch: Epoch) -> None:
        progress(epoch.epoch + 1, epoch.epochs)

    history = fit(task, recipe.loop, work, report, recipe.seed * 1000 + fold)
    offset = _offset(weight, signal, sample.in_region[own])
    with torch.no_grad():
        module.last.bias.add_(offset)
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    low[list(PHIS)], high[list(PHIS)] = -np.pi - 4e-3, np.pi + 4e-3  # NanoAOD's last step of φ may exceed π
    description = {"inputs": list(INPUTS), "mean": mean.tolist(), "scale": scale.tolist()}
    description |= {"low": low.tolist(), "high": high.tolist(), "output": "logit"}
    write_onnx(path, module.layers(), description)
    difference = _difference(module, open_discriminator(path), sample.inputs, (mean, scale))
    if difference > _AGREE:
        raise RunError(str(path), f"differs from torch by {difference:.2g} in the score", "a fault of the export")
    facts = {
        "fold": fold,
        "sha256": _sha256(path),
        "rows": int(own.sum()),
        "held_out": int(held_out.sum()),
        "prior_shift": offset,
        "largest_difference_to_torch": difference,
        **_facts(history),
    }
    write_json(done, facts)
    (work / "checkpoint.pt").unlink(missing_ok=True)
    return facts


def _facts(history: History) -> dict[str, Any]:
    return {
        "epochs": len(history.epochs),
        "best_epoch": history.best,
        "stopped_early": history.stopped_early,
        "validation_loss": history.best_total,
        "seconds": history.epochs[-1].seconds,
    }


def _balanced(weight: FloatArray, signal: NDArray[np.bool_]) -> FloatArray:
    """Weights with signal and background of equal sum and a mean modulus of 1; signs are kept."""
    balanced = np.where(signal, weight / weight[signal].sum(), weight / weight[~signal].sum())
    return np.asarray(balanced / np.abs(balanced).mean(), dtype=np.float64)


def _offset(weight: FloatArray, signal: NDArray[np.bool_], in_region: NDArray[np.bool_]) -> float:
    """What to add to the logit so that signal and background are of equal sum in SR, not in the training region."""
    shares = [weight[kind & in_region].sum() / weight[kind].sum() for kind in (signal, ~signal)]
    return float(np.log(shares[1] / shares[0]))


def _standard(inputs: FloatArray, peak: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Mean and width of each input; of constants 1, and mean 0 where mirrored events are as frequent.

    The dimuon mass is measured in widths of the signal, or the network would have to learn a narrow peak.

    Args:
        inputs: shape (rows, 25).
        peak: signal in SR, shape (rows,).
    """
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    mean[list(_SYMMETRIC)] = 0.0
    mean[_MASS], scale[_MASS] = inputs[peak, _MASS].mean(), inputs[peak, _MASS].std()
    return mean, np.where(scale > 0, scale, 1.0)


def _difference(
    module: MassAndKinematics, exported: Discriminator, inputs: FloatArray, standard: tuple[FloatArray, FloatArray]
) -> float:
    """Largest difference in probability between torch and the exported network."""
    standardised = ((inputs - standard[0]) / standard[1]).astype(np.float32)
    with torch.no_grad():
        own = torch.sigmoid(module(torch.from_numpy(standardised))[0].double()).numpy()
    other = 1 / (1 + np.exp(-exported.networks[0].raw(inputs)))
    return float(np.abs(own - other).max())
