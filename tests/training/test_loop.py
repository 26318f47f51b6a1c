"""The training loop: schedule, best checkpoint, early stop, resume after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.errors import RunError
from flashbench.training.loop import LoopConfig, fit, learning_rate


class Line:
    """Least squares with dropout, so that the random state matters; `scores` overrides the validation."""

    def __init__(self, scores=None, rows=500):
        generator = torch.Generator().manual_seed(0)
        self.rows, self.x = rows, torch.randn(rows, 3, generator=generator)
        self.y = self.x @ torch.tensor([1.0, -2.0, 0.5])
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        self.scores, self.weights = list(scores or []), []

    def groups(self):
        return [{"params": list(self.module.parameters())}]

    def loss(self, batch):
        squares = (self.module(self.x[batch])[:, 0] - self.y[batch]).square().mean()
        size = sum(p.square().sum() for p in self.module.parameters())
        return {"squares": squares, "size": size, "total": squares + 1e-4 * size}

    def validate(self):
        self.weights.append([p.detach().clone() for p in self.module.parameters()])
        if self.scores:
            return {"total": self.scores[len(self.weights) - 1]}
        return {"total": float((self.module(self.x)[:, 0] - self.y).square().mean())}


CONFIG = LoopConfig(epochs=6, batch=64, rate=1e-2, warmup=5)


def final(task):
    return torch.cat([p.detach().flatten() for p in task.module.parameters()])


def test_it_learns_and_writes_one_line_an_epoch_with_every_term(tmp_path):
    seen = []
    task = Line()
    history = fit(task, LoopConfig(epochs=30, batch=64, rate=3e-2, patience=30), tmp_path, seen.append)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(30))
    assert set(lines[0]["train"]) == {"squares", "size", "total"}
    assert seen == history.epochs
    assert history.best_total < 0.05 < lines[0]["validation"]["total"]


def test_the_rate_rises_linearly_then_falls_as_a_cosine():
    config = LoopConfig(rate=1.0, warmup=10)
    rates = [learning_rate(step, 210, config) for step in range(210)]
    assert_allclose(rates[:10], [(k + 1) / 10 for k in range(10)])
    assert_allclose(rates[110], 0.5, atol=1e-12)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert 0 < rates[-1] < 1e-3


def test_the_module_is_left_with_the_best_weights_not_the_last(tmp_path):
    task = Line(scores=[3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    history = fit(task, CONFIG, tmp_path)
    assert history.best == 1
    for parameter, kept in zip(task.module.parameters(), task.weights[1], strict=True):
        assert_array_equal(parameter.detach(), kept)
    assert not task.module.training


def test_training_stops_when_patience_runs_out(tmp_path):
    task = Line(scores=[3.0, 1.0] + [2.0] * 18)
    history = fit(task, LoopConfig(epochs=20, batch=64, patience=3), tmp_path)
    assert history.stopped_early
    assert len(history.epochs) == 5
    again = fit(Line(scores=[0.0]), LoopConfig(epochs=20, batch=64, patience=3), tmp_path)
    assert len(again.epochs) == 5


def test_a_negative_scale_climbs(tmp_path):
    """Multipliers of constrained optimisation go up the gradient."""

    class Saddle(Line):
        def __init__(self):
            super().__init__()
            self.module = torch.nn.ParameterDict({"down": torch.tensor(1.0), "up": torch.tensor(1.0)})

        def groups(self):
            return [
                {"params": [self.module["down"]]},
                {"params": [self.module["up"]], "lr_scale": -1.0, "weight_decay": 0.0},
            ]

        def loss(self, batch):
            return {"total": self.module["down"].square() + self.module["up"]}

        def validate(self):
            return {"total": -float(self.module["up"])}

    task = Saddle()
    fit(task, CONFIG, tmp_path)
    assert float(task.module["down"].detach()) < 1 < float(task.module["up"].detach())


class InterruptError(Exception):
    pass


@pytest.mark.parametrize("after", [0, 2, 4])
def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, after):
    whole, broken, resumed = Line(), Line(), Line()
    expected = fit(whole, CONFIG, tmp_path / "whole", seed=4)

    def stop(epoch):
        if epoch.epoch == after:
            raise InterruptError

    with pytest.raises(InterruptError):
        fit(broken, CONFIG, tmp_path / "broken", stop, seed=4)
    history = fit(resumed, CONFIG, tmp_path / "broken", seed=4)
    assert_array_equal(final(resumed), final(whole))
    assert [e.validation for e in history.epochs] == [e.validation for e in expected.epochs]
    assert len((tmp_path / "broken" / "history.jsonl").read_text().splitlines()) == CONFIG.epochs


def test_a_training_killed_without_warning_resumes_to_the_same_weights(tmp_path):
    """SIGKILL in the middle of an epoch, from within a loss."""
    script = f"""
    import os, signal, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from pathlib import Path
    from test_loop import CONFIG, Line
    from flashbench.training.loop import fit
    class Killed(Line):
        steps = 0
        def loss(self, batch):
            self.steps += 1
            if self.steps == 20:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().loss(batch)
    fit(Killed(), CONFIG, Path({str(tmp_path / "killed")!r}), seed=9)
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert 0 < len((tmp_path / "killed" / "history.jsonl").read_text().splitlines()) < CONFIG.epochs
    whole, resumed = Line(), Line()
    fit(whole, CONFIG, tmp_path / "whole", seed=9)
    fit(resumed, CONFIG, tmp_path / "killed", seed=9)
    assert_array_equal(final(resumed), final(whole))


@pytest.mark.parametrize("other", [{"seed": 1}, {"config": LoopConfig(epochs=7, batch=64)}, {"task": Line(rows=400)}])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other):
    fit(Line(), CONFIG, tmp_path, seed=0)
    arguments = {"task": Line(), "config": CONFIG, "seed": 0} | other
    with pytest.raises(RunError, match="another training"):
        fit(arguments["task"], arguments["config"], tmp_path, seed=arguments["seed"])


def test_a_loss_that_is_not_finite_is_refused(tmp_path):
    task = Line()
    task.y[:] = float("nan")
    with pytest.raises(RunError, match="not finite"):
        fit(task, CONFIG, tmp_path)


def test_seeds_decide_and_the_random_state_outside_is_left_alone(tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    tasks = [Line(), Line(), Line()]
    for k, (task, seed) in enumerate(zip(tasks, (1, 1, 2), strict=True)):
        fit(task, CONFIG, tmp_path / str(k), seed=seed)
    assert torch.rand(1) == expected
    assert_array_equal(final(tasks[0]), final(tasks[1]))
    assert not torch.equal(final(tasks[0]), final(tasks[2]))


def test_tensorboard_holds_every_term(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(Line(), LoopConfig(epochs=3, batch=64, tensorboard=True), tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"train/squares", "train/size", "train/total", "validation/total"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("train/size")) == 3
