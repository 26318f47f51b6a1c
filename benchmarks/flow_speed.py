"""Sampling rate of the flow: stock normflows, straight line eager and compiled, published architecture, in one run.

    OMP_NUM_THREADS=1 python benchmarks/flow_speed.py --seconds 5 --output benchmarks/results/flow_speed.json

Rates are rows a second of wall time, the best of the repeats, and rows a second of CPU time (one core). `generate`
is the whole of `FlowModel.generate`: condition transform, noise, flow, inverse target transform. Two processes stand
for two workers of `flashbench run`. The published architecture: 17 steps, 10 blocks of 298, 128 bins (CMS FlashSim
prototype).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flashbench.simulators.flash.features import (
    JET_CONDITIONS,
    JET_TARGETS,
    MUON_CONDITIONS,
    MUON_TARGETS,
    Feature,
    FloatArray,
    Scale,
)
from flashbench.simulators.flash.flow import BLOCK, FastFlow, FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.simulators.flash.transforms import RankGaussian, Standardise

TABLES = {"jets": (JET_CONDITIONS, JET_TARGETS), "muons": (MUON_CONDITIONS, MUON_TARGETS)}
PUBLISHED = {"layers": 17, "blocks": 10, "hidden": 298, "bins": 128}


def columns(features: tuple[Feature, ...], rows: int, seed: int) -> FloatArray:
    """Columns that use every part of the transforms: categories, flags, spikes, smooth values."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0.4, 0.3, (rows, len(features)))
    for j, feature in enumerate(features):
        if feature.values:
            out[:, j] = rng.choice(feature.values, rows)
        elif feature.scale is Scale.LOG:
            out[:, j] = rng.exponential(40, rows)
        elif feature.is_discrete:
            out[:, j] = feature.restrict(rng.poisson(1 if feature.high == 1 else 25, rows).astype(np.float64))
        elif feature.special:
            out[:, j] = np.where(rng.random(rows) < 0.2, feature.special[0], np.float16(rng.beta(0.5, 2, rows)))
    return np.column_stack([f.restrict(out[:, j]) for j, f in enumerate(features)])


def perturbed(config: FlowConfig) -> Any:
    """A flow away from the identity; its speed does not depend on the weights."""
    model = build(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def model_of(kind: str, compile: bool) -> FlowModel:
    """The default flow of `kind` with its transforms."""
    conditions, targets = TABLES[kind]
    standardise = Standardise.fit(columns(conditions, 20_000, 1), conditions)
    config = FlowConfig(len(targets), standardise.inputs)
    rank = RankGaussian.fit(columns(targets, 100_000, 2), targets)
    return FlowModel(config, perturbed(config), standardise, rank, compile)


def rate(draw: Callable[[int], object], rows: int, seconds: float) -> dict[str, float]:
    """Best rows a second over repeats that fill `seconds`; `draw` makes that many rows."""
    draw(rows)
    wall, cpu, until = 0.0, 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until or not wall:
        start, used = time.perf_counter(), time.process_time()
        draw(rows)
        wall = max(wall, rows / (time.perf_counter() - start))
        cpu = max(cpu, rows / (time.process_time() - used))
    return {"rows_per_second": round(wall), "rows_per_cpu_second": round(cpu)}


def sampler(config: FlowConfig, flow: Any, threads: int) -> Callable[[int], object]:
    """`FastFlow.sample` on fixed noise and conditions."""

    def draw(rows: int) -> object:
        rng = np.random.default_rng(3)
        noise = rng.standard_normal((rows, config.targets), np.float32)
        return flow.sample(noise, rng.standard_normal((rows, config.conditions), np.float32), threads=threads)

    return draw


def stock(config: FlowConfig, model: Any) -> Callable[[int], object]:
    """normflows as it is, block by block, on one core."""

    def draw(rows: int) -> object:
        condition = torch.randn(BLOCK, config.conditions)
        with torch.inference_mode():
            return [model.sample(BLOCK, condition) for _ in range(rows // BLOCK)]

    return draw


def whole(kind: str, compile: bool, threads: int, rows: int, seconds: float) -> dict[str, Any]:
    """`FlowModel.generate` in this process."""
    torch.set_num_threads(1)
    model, raw = model_of(kind, compile), columns(TABLES[kind][0], rows, 4)
    measured = rate(lambda n: model.generate(raw[:n], np.random.default_rng(5), threads), rows, seconds)
    return {"backend": model.backend, "threads": threads} | measured


def two_processes(kind: str, compile: bool, rows: int, seconds: float) -> dict[str, Any]:
    """Sum of two workers' rates, measured at the same time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = list(pool.map(whole, [kind] * 2, [compile] * 2, [1] * 2, [rows] * 2, [seconds] * 2))
    return {"backend": both[0]["backend"], "processes": 2, "rows_per_second": sum(b["rows_per_second"] for b in both)}


def measure(blocks: int, seconds: float, compile: bool) -> dict[str, Any]:
    """All rates."""
    torch.set_num_threads(1)
    rows = blocks * BLOCK
    inputs = model_of("jets", compile=False).standardise.inputs
    default, published = FlowConfig(len(JET_TARGETS), inputs), FlowConfig(len(JET_TARGETS), inputs, **PUBLISHED)
    small, large = perturbed(default), perturbed(published)
    eager = FastFlow(small)
    rates: dict[str, Any] = {
        "jets, network: stock normflows, 1 core": rate(stock(default, small), rows, seconds),
        "jets, network: straight line, eager, 1 core": rate(sampler(default, eager, 1), rows, seconds),
        "jets, network: straight line, eager, 2 threads": rate(sampler(default, eager, 2), rows, seconds),
        "jets, network: published architecture, stock normflows, 1 core": rate(stock(published, large), BLOCK, 0),
        "jets, network: published architecture, eager, 2 threads": rate(
            sampler(published, FastFlow(large), 2), 2 * BLOCK, 0
        ),
    }
    for kind in TABLES:
        for compiled in (False, True) if compile else (False,):
            name = f"{kind}, generate: {'compiled' if compiled else 'eager'}"
            rates[f"{name}, 2 threads"] = whole(kind, compiled, 2, rows, seconds)
            rates[f"{name}, 2 processes"] = two_processes(kind, compiled, rows, seconds)
    if compile:
        fast = FastFlow(small, compile=True)
        rates[f"jets, network: straight line, {fast.backend}, 1 core"] = rate(sampler(default, fast, 1), rows, seconds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=20, help="blocks of 2048 rows a repeat")
    parser.add_argument("--seconds", type=float, default=5.0, help="of repeats for each rate")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/flow_speed.json"))
    arguments = parser.parse_args()
    load = os.getloadavg()
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(), "load": load},
        "versions": {name: version(name) for name in ("torch", "normflows", "numpy")},
        "rates": measure(arguments.blocks, arguments.seconds, arguments.compile),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
