"""The one training loop: AdamW, warm-up and cosine, clipping, best checkpoint, early stop, resume after a kill.

What to use when: write a `TrainingTask` (a module, a loss on a batch of row numbers, a validation) and call `fit`. The
loop knows nothing of flows, refiners or classifiers.

References:
    I. Loshchilov, F. Hutter, arXiv:1711.05101 (AdamW) and arXiv:1608.03983 (cosine schedule).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from flashbench.errors import RunError
from flashbench.storage import atomic, write_text

TOTAL: Final = "total"  # the term that is minimised, and the one that the best epoch is chosen by
_CHECKPOINT: Final = "checkpoint.pt"
_HISTORY: Final = "history.jsonl"

Progress = Callable[["Epoch"], None]


class TrainingTask(Protocol):
    """What the loop trains.

    Attributes:
        module: holds everything that is saved and restored.
        rows: number of training rows.
    """

    module: torch.nn.Module
    rows: int

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups for AdamW; `lr_scale` multiplies the scheduled rate (−1: gradient ascent, as of MDMM)."""
        ...

    def loss(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Named scalar terms of the training rows `batch`, (batch,) int64; `total` is differentiated."""
        ...

    def validate(self) -> Mapping[str, float]:
        """Named terms on held-out rows, `total` among them; called in evaluation mode, without gradients."""
        ...


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long and how fast.

    Attributes:
        epochs: passes over the training rows.
        batch: rows a step; a last incomplete batch is dropped unless it is the only one.
        rate: highest learning rate.
        warmup: steps of linear rise, at most a tenth of all.
        decay: AdamW's weight decay.
        clip: largest gradient norm.
        patience: epochs without a better validation before an early stop.
        threads: cores that one step may use.
        tensorboard: also write TensorBoard events.
    """

    epochs: int = 20
    batch: int = 2048
    rate: float = 2e-3
    warmup: int = 200
    decay: float = 1e-4
    clip: float = 5.0
    patience: int = 10
    threads: int = 1
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the history: mean training terms, validation terms, seconds since the start of the training."""

    epoch: int
    step: int
    rate: float
    train: dict[str, float]
    validation: dict[str, float]
    seconds: float
    epochs: int


@dataclass(slots=True)
class History:
    """A training so far.

    Attributes:
        epochs: one entry an epoch.
        best: epoch with the lowest validation total; its weights are what `fit` leaves in the module.
        stopped_early: whether patience ran out.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1
    stopped_early: bool = False

    @property
    def best_total(self) -> float:
        """Lowest validation total; infinite before the first epoch."""
        return self.epochs[self.best].validation[TOTAL] if self.best >= 0 else math.inf


def learning_rate(step: int, steps: int, config: LoopConfig) -> float:
    """Rate of a step: a linear rise, then half a cosine to zero."""
    rise = min(config.warmup, steps // 10)
    if step < rise:
        return config.rate * (step + 1) / rise
    return config.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def fit(task: TrainingTask, config: LoopConfig, out: Path, progress: Progress | None = None, seed: int = 0) -> History:
    """Train, or go on where a killed training of the same task, configuration and seed stood.

    A checkpoint is written after every epoch; a training that is resumed ends with the weights of one that was not
    interrupted. The module is left with the weights of the best epoch, in evaluation mode.

    Args:
        task: what to train.
        config: how.
        out: directory for checkpoint, JSON-lines history and TensorBoard events.
        progress: called after every epoch.
        seed: of batch order and of torch's generator, whose state outside is left as it was.

    Raises:
        RunError: the checkpoint in `out` is of another training, or the loss is not finite.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _Training(task, config, out, seed).run(progress)
    finally:
        torch.set_num_threads(threads)


class _Training:
    def __init__(self, task: TrainingTask, config: LoopConfig, out: Path, seed: int) -> None:
        self.task, self.config, self.out, self.seed = task, config, out, seed
        self.batch = min(config.batch, task.rows)
        self.steps = config.epochs * (task.rows // self.batch)
        groups = [{"lr_scale": 1.0, **group} for group in task.groups()]
        self.optimiser = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.decay)
        self.history, self.step, self.seconds = History(), 0, 0.0
        self.best = _copy(task.module)

    def run(self, progress: Progress | None) -> History:
        """Train to the end, from where the checkpoint stands."""
        self._resume()
        write_text(self.out / _HISTORY, "".join(_line(e) for e in self.history.epochs))
        board = _board(self.out) if self.config.tensorboard else None
        began = time.monotonic() - self.seconds
        while not self._done():
            train, rate = self._epoch(len(self.history.epochs))
            validation = self._validate()
            self.seconds = time.monotonic() - began
            epoch = Epoch(
                len(self.history.epochs), self.step, rate, train, validation, self.seconds, self.config.epochs
            )
            self._record(epoch)
            self._save()
            with (self.out / _HISTORY).open("a", encoding="utf-8") as stream:
                stream.write(_line(epoch))
            if board is not None:
                _show(board, epoch)
            if progress is not None:
                progress(epoch)
        self.task.module.load_state_dict(self.best)
        self.task.module.eval()
        if board is not None:
            board.close()
        return self.history

    def _done(self) -> bool:
        past = len(self.history.epochs)
        self.history.stopped_early = past < self.config.epochs and past - 1 - self.history.best >= self.config.patience
        return past >= self.config.epochs or self.history.stopped_early

    def _epoch(self, epoch: int) -> tuple[dict[str, float], float]:
        self.task.module.train()
        order = torch.randperm(self.task.rows, generator=torch.Generator().manual_seed(self.seed * 1_000_003 + epoch))
        sums: dict[str, float] = {}
        rate = 0.0
        batches = torch.split(order[: self.task.rows // self.batch * self.batch], self.batch)
        for rows in batches:
            rate = learning_rate(self.step, self.steps, self.config)
            for group in self.optimiser.param_groups:
                group["lr"] = rate * group["lr_scale"]
            for name, value in self._step(rows).items():
                sums[name] = sums.get(name, 0.0) + value / len(batches)
            self.step += 1
        return sums, rate

    def _step(self, rows: Tensor) -> dict[str, float]:
        self.optimiser.zero_grad(set_to_none=True)
        terms = self.task.loss(rows)
        if not torch.isfinite(terms[TOTAL]):
            where = f"step {self.step}"
            raise RunError(str(self.out), f"the loss is not finite in {where}", "lower the learning rate")
        terms[TOTAL].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.task.module.parameters(), self.config.clip)
        self.optimiser.step()
        return {name: float(value.detach()) for name, value in terms.items()}

    def _validate(self) -> dict[str, float]:
        self.task.module.eval()
        with torch.no_grad():
            return {name: float(value) for name, value in self.task.validate().items()}

    def _record(self, epoch: Epoch) -> None:
        better = epoch.validation[TOTAL] < self.history.best_total
        self.history.epochs.append(epoch)
        if better:
            self.history.best = epoch.epoch
            self.best = _copy(self.task.module)

    def _save(self) -> None:
        state = {
            "training": self._fingerprint(),
            "module": self.task.module.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "best_epoch": self.history.best,
            "epochs": [asdict(epoch) for epoch in self.history.epochs],
        }
        with atomic(self.out / _CHECKPOINT) as temporary:
            torch.save(state, temporary)

    def _resume(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / _CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["training"] != self._fingerprint():
            raise RunError(
                str(self.out), "holds a checkpoint of another training", "remove it or choose another directory"
            )
        self.task.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.best, self.step = state["best"], state["step"]
        self.history = History([Epoch(**epoch) for epoch in state["epochs"]], state["best_epoch"])
        self.seconds = self.history.epochs[-1].seconds

    def _fingerprint(self) -> str:
        shapes = {name: list(t.shape) for name, t in self.task.module.state_dict().items()}
        settings = asdict(self.config) | {"rows": self.task.rows, "seed": self.seed, "module": shapes}
        return json.dumps({k: v for k, v in settings.items() if k not in ("threads", "tensorboard")}, sort_keys=True)


def _copy(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _line(epoch: Epoch) -> str:
    return json.dumps(asdict(epoch)) + "\n"


def _board(out: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"))


def _show(board: Any, epoch: Epoch) -> None:
    for kind, terms in (("train", epoch.train), ("validation", epoch.validation)):
        for name, value in terms.items():
            board.add_scalar(f"{kind}/{name}", value, epoch.epoch)
    board.add_scalar("rate", epoch.rate, epoch.epoch)
