"""Speed of FlashSim on this machine, all in one run: network, objects, whole events, memory.

    OMP_NUM_THREADS=1 python benchmarks/flow_speed.py --input 'samples/ttbar/*/full/*.root' --output RESULT.json

- network: the jets' flow alone, noise and conditions given: stock normflows, straight line eager and compiled, and the
  published architecture (17 steps, 10 blocks of 298, 128 bins: CMS FlashSim prototype).
- objects: from generator events in memory to NanoAOD quantities of jets or muons: conditions, flow, inverse transforms;
  two processes at a time, as two workers of `flashbench run`.
- events: `flashbench run --sim flash`, from a NanoAOD file to the table, with one and two workers; `steady` leaves out
  what comes before the first block is done (starting processes, importing torch, reading weights).
- memory: resident memory of a run in one process.

Rates are per second of wall time, the best of the repeats, and per second of CPU time (one core). Nothing else should
run on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import awkward as ak
import numpy as np
import torch

from flashbench import engine
from flashbench.analysis import shipped
from flashbench.events import Tier, columns
from flashbench.nanoaod import expand, load_block, open_source, plan_blocks, write_events
from flashbench.simulators import parse_run_name
from flashbench.simulators.flash import FlashSimulator
from flashbench.simulators.flash import conditions as conditioning
from flashbench.simulators.flash.feature import FloatArray
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS, MUON_CONDITIONS
from flashbench.simulators.flash.flow import BLOCK, FastFlow, FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.storage import write_json

PUBLISHED: Final = {"layers": 17, "blocks": 10, "hidden": 298, "bins": 128}
KINDS: Final = ("jets", "muons")
REQUIRED: Final = {
    "objects: jets, eager, 2 processes": 100_000,
    "objects: jets, compiled, 2 processes": 180_000,
    "objects: muons, eager, 2 processes": 80_000,
    "events: 2 workers": 5_000,
}


def merged(files: Sequence[str], events: int, path: Path) -> Path:
    """Generator columns of so many events in one file, as real samples come."""
    blocks = plan_blocks([open_source(each) for each in expand(files)], engine.BLOCK_EVENTS, events)
    write_events(path, (load_block(block, columns(Tier.GEN)).events for block in blocks))
    return path


def perturbed(config: FlowConfig) -> Any:
    """A flow away from the identity; its speed does not depend on the weights."""
    model = build(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


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


def generator_events(path: Path, events: int) -> ak.Array:
    """So many events in memory."""
    (block,) = plan_blocks([open_source(str(path))], events, events)
    return load_block(block, columns(Tier.GEN)).events


def reconstruct(kind: str, flow: FlowModel, events: ak.Array, rng: np.random.Generator) -> dict[str, FloatArray]:
    """NanoAOD quantities of every generated object: conditions, flow, inverse transforms."""
    jets, muons = conditioning.gen_jets(events), conditioning.gen_muons(events)
    if kind == "jets":
        raw = conditioning.stack(conditioning.jet_conditions(jets, muons, events), JET_CONDITIONS)
    else:
        seen = conditioning.reconstructible(muons)
        raw = conditioning.stack(conditioning.muon_conditions(seen, jets, events), MUON_CONDITIONS)
    place = {feature.name: k for k, feature in enumerate(flow.conditions)}
    values = flow.generate(raw, rng)
    return {
        feature.name: feature.decode(values[:, k], raw[:, place[feature.anchor]] if feature.anchor else None)
        for k, feature in enumerate(flow.targets)
    }


def objects(kind: str, compile: bool, path: Path, events: int, seconds: float) -> dict[str, Any]:
    """Objects a second of one process; of muons, which are few an event, from as many events as fill a block."""
    torch.set_num_threads(1)
    networks = FlashSimulator(compile=compile).networks
    flow = getattr(networks, kind)
    block = generator_events(path, events)
    made = len(reconstruct(kind, flow, block, np.random.default_rng(0))["pt"])
    measured = rate(lambda rows: reconstruct(kind, flow, block, np.random.default_rng(5)), made, seconds)
    return {"backend": flow.backend, "objects": made} | measured


def two_processes(kind: str, compile: bool, path: Path, events: int, seconds: float) -> dict[str, Any]:
    """Sum of two workers' rates, measured at the same time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = list(pool.map(objects, [kind] * 2, [compile] * 2, [path] * 2, [events] * 2, [seconds] * 2))
    total = sum(each["rows_per_second"] for each in both)
    return {"backend": both[0]["backend"], "objects a call": both[0]["objects"], "rows_per_second": total}


def network(blocks: int, seconds: float, compile: bool) -> dict[str, Any]:
    """Rates of the jets' flow alone, on one core unless it says otherwise."""
    torch.set_num_threads(1)
    rows, trained = blocks * BLOCK, FlashSimulator().networks.jets
    ours, inputs = trained.config, trained.standardise.inputs
    published = FlowConfig(len(JET_TARGETS), inputs, **PUBLISHED)
    large = perturbed(published)
    rates = {
        "network: stock normflows": rate(stock(ours, trained.flow), rows, seconds),
        "network: straight line, eager": rate(sampler(ours, FastFlow(trained.flow), 1), rows, seconds),
        "network: straight line, eager, 2 threads": rate(sampler(ours, FastFlow(trained.flow), 2), rows, seconds),
        "network: published architecture, stock normflows": rate(stock(published, large), BLOCK, 0),
        "network: published architecture, straight line": rate(sampler(published, FastFlow(large), 1), BLOCK, 0),
    }
    if compile:
        fast = FastFlow(trained.flow, compile=True)
        rates[f"network: straight line, {fast.backend}"] = rate(sampler(ours, fast, 1), rows, seconds)
    return rates


def whole_run(path: Path, workers: int, name: str) -> dict[str, Any]:
    """A run of flash over the whole file: events a second of wall time, and resident memory."""
    seen: list[tuple[float, int, float]] = []

    def progress(done: int, total: int) -> None:
        seen.append((time.perf_counter(), done, _resident()))

    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        request = engine.RunRequest("ttbar", parse_run_name(name), dnn=shipped())
        result = engine.run(request, [path], Path(folder) / "run", workers=workers, progress=progress)
    seconds = time.perf_counter() - started
    (_, _, before), *blocks = seen
    first, last = blocks[0], blocks[-1]
    return {
        "events": result.n_events,
        "seconds": round(seconds, 2),
        "events_per_second": round(result.n_events / seconds),
        "steady": round((last[1] - first[1]) / (last[0] - first[0])),
        "seconds of all workers by stage": {s: round(t, 2) for s, t in result.manifest["timings"].items()},
        "resident MB": {"before": round(before), **{str(done): round(mb) for _, done, mb in blocks[:: _every(blocks)]}},
    }


def _every(blocks: Sequence[object]) -> int:
    return max(1, len(blocks) // 5)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(arguments: argparse.Namespace, path: Path) -> dict[str, Any]:
    """All rates."""
    rates = network(arguments.blocks, arguments.seconds, arguments.compile)
    for kind in KINDS:
        events = engine.BLOCK_EVENTS * (1 if kind == "jets" else 10)
        for compile in (False, True) if arguments.compile else (False,):
            name = f"objects: {kind}, {'compiled' if compile else 'eager'}, 2 processes"
            rates[name] = two_processes(kind, compile, path, min(events, arguments.events), arguments.seconds)
    for workers in (1, 2):
        name = f"events: {workers} worker{'s' if workers > 1 else ''}"
        rates[name] = whole_run(path, workers, "flash")
        if arguments.compile:
            rates[f"{name}, compiled"] = whole_run(path, workers, "flash:compile=on")
    return rates


def verdicts(rates: dict[str, Any]) -> dict[str, Any]:
    """Required rates beside those reached, and the speed against the published architecture and figure."""
    reached = {name: each.get("steady", each.get("rows_per_second")) for name, each in rates.items()}
    ours = reached["network: straight line, eager"]
    return {
        "required": {n: {"required": v, "reached": reached[n]} for n, v in REQUIRED.items() if n in reached},
        "times the published architecture in stock normflows, eager, one core": round(
            ours / reached["network: published architecture, stock normflows"], 1
        ),
        "times the published 33,000/s on a V100, network only, eager, 2 threads": round(
            reached["network: straight line, eager, 2 threads"] / 33_000, 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", action="append", required=True, help="NanoAOD with generator columns, repeatable")
    parser.add_argument("--events", type=int, default=40_000, help="of whole runs")
    parser.add_argument("--blocks", type=int, default=20, help="blocks of 2048 rows a repeat")
    parser.add_argument("--seconds", type=float, default=5.0, help="of repeats for each rate")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/flow_speed.json"))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="flash: gen pT")
    load = os.getloadavg()
    with TemporaryDirectory() as folder:
        rates = measure(arguments, merged(arguments.input, arguments.events, Path(folder) / "events.root"))
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(), "load": load},
        "versions": {name: version(name) for name in ("torch", "normflows", "numpy", "awkward")},
        **verdicts(rates),
        "rates": rates,
    }
    write_json(arguments.output, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
