"""Blocks → any `concurrent.futures` executor → parts → merged run.

`run` cuts the input into blocks; each block is read, simulated, analysed and written as one part, a pure function of
its task, so the result depends neither on the number of workers nor on their order. Parts are the resume: the key of
a part holds the file's identity, entry range, code, simulator version, settings and seed, so a finished part is taken
over and a changed model is never served an old result.
"""

from __future__ import annotations

import hashlib
import json
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import awkward as ak
import numpy as np

from flashbench import plugins, provenance
from flashbench.analysis import Cutflow, Cuts, Discriminator, analyse, open_discriminator
from flashbench.analysis.dnn import open_expected
from flashbench.errors import FlashbenchError, RunError, SimulationError
from flashbench.events import IDENTITY, columns, repeat
from flashbench.nanoaod import Block, Loaded, Source, expand, load_block, open_source, plan_blocks, require
from flashbench.progress import Progress
from flashbench.results import MANIFEST, MANIFEST_VERSION, Part, RunResult, load_run, read_part, write_part
from flashbench.simulators import RunName, Simulator, check_output, make, origin
from flashbench.storage import write_json

BLOCK_EVENTS: Final = 2000


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run.

    Attributes:
        process: key, also part of the random seed.
        name: simulator and folds.
        process_label: for legends.
        seed: of the simulator's random streams.
        events: at most so many generator events; None for all.
        block_events: generator events a block; part of the random streams' key.
        cuts: selection.
        dnn: networks that score the events, see `open_discriminator`; None for no scores.
        cross_section_pb: of a generated event, recorded for normalisation; None where it is not known.
    """

    process: str
    name: RunName
    process_label: str = ""
    seed: int = 1
    events: int | None = None
    block_events: int = BLOCK_EVENTS
    cuts: Cuts = field(default_factory=Cuts)
    dnn: Path | None = None
    cross_section_pb: float | None = None


@dataclass(frozen=True)
class _Task:
    block: Block
    request: RunRequest
    part: Path
    scored_by: str  # checksum of the discriminator, or empty
    simulator: Simulator | None  # None: the worker looks the name up
    discriminator: Discriminator | None = None  # None: the worker loads the request's


@dataclass(frozen=True)
class _Tools:
    simulator: Simulator
    discriminator: Discriminator | None


def run(
    request: RunRequest,
    files: Sequence[str | Path],
    out: Path,
    *,
    simulator: Simulator | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    keep_going: bool = False,
    columns: Sequence[str] | None = None,
) -> RunResult:
    """Run one simulator over NanoAOD files through the analysis.

    Args:
        request: what to run.
        files: paths, globs or addresses of the tier that the simulator reads.
        out: run directory; finished parts in it are taken over.
        simulator: an object in place of the registered one; must pickle if there are several workers.
        executor: any `concurrent.futures.Executor`, e.g. of a Dask cluster; overrides `workers`.
        workers: processes; 1 stays in this one.
        progress: called with generator events done and in all.
        keep_going: finish the other blocks when one fails; the run is an error all the same.
        columns: of the table that is returned, see `load_run`.

    Returns:
        The finished run, also written to `out`.

    Raises:
        InputError, SchemaError: the input or a network cannot be read, or the input lacks a branch.
        SimulationError: the simulator raised or broke the contract; finished parts are kept. With `keep_going`, one
            for all blocks that failed, whatever their errors.
        RunError: folds asked of a simulator that is not stochastic, or no events.

    Example:
        run(RunRequest("ttbar", RunName("gen")), ["NanoAODv5_sample.root"], Path("runs/ttbar/gen"), workers=2)
    """
    made = simulator or make(request.name)
    _check_request(request, made)
    sources = [open_source(path) for path in expand(files)]
    names = _columns(request, made)
    neutral = {name for source in sources for name in require(source, names)}
    blocks = plan_blocks(sources, request.block_events, request.events)
    if not blocks:
        raise RunError(str(out), "no events to run", "the input files are empty, or --events is 0")
    tools = _Tools(made, open_discriminator(request.dnn) if request.dnn else None)
    tasks = [_task(block, request, tools, out, simulator) for block in blocks]
    started = time.perf_counter()
    _execute(tasks, tools, executor, workers, progress, keep_going=keep_going)
    parts = [read_part(task.part, rows=False) for task in tasks]
    manifest = {
        **_describe(request, tools, sources, parts),
        "neutral_branches": sorted(neutral),
        "wall_seconds": time.perf_counter() - started,
        "parts": [str(task.part.relative_to(out)) for task in tasks],
    }
    write_json(out / "cutflow.json", sum((p.cutflow for p in parts), start=Cutflow()).to_dict())
    write_json(out / MANIFEST, manifest)
    return load_run(out, columns)


def process_block(task: _Task) -> Path:
    """Read, simulate, analyse and write one block; returns the part's path.

    Raises:
        SimulationError, SchemaError, InputError: see `run`; nothing is written then.
    """
    simulator = task.simulator or _simulator(task.request.name)
    timings: dict[str, float] = {}
    with _timed(timings, "read"):
        loaded = load_block(task.block, _columns(task.request, simulator))
    with _timed(timings, "simulate"):
        events = repeat(loaded.events, task.request.name.folds)
        output = _simulate(simulator, events, task)
    with _timed(timings, "analyse"):
        part = _analyse(events, output, loaded, task, timings)
    write_part(task.part, part)
    return task.part


def _simulate(simulator: Simulator, events: ak.Array, task: _Task) -> ak.Array:
    request, info = task.request, simulator.info
    numbers = f", events {ak.min(events.event)}–{ak.max(events.event)}" if len(events) else ""
    block = f"block {task.block.index}{numbers}, {task.block.where}"
    where = f"simulator '{info.name}' of {origin(simulator)} on {request.process}, {block}"
    stream = np.random.SeedSequence([request.seed, zlib.crc32(request.process.encode()), task.block.index])
    try:
        output = simulator.simulate(events, np.random.default_rng(stream))
    except FlashbenchError:
        raise
    except Exception as error:
        raise SimulationError(where, f"raised {type(error).__name__}: {error}", "a fault of the simulator") from error
    return check_output(info, output, len(events), where)


def _analyse(events: ak.Array, output: ak.Array, loaded: Loaded, task: _Task, timings: dict[str, float]) -> Part:
    folds, generated = task.request.name.folds, len(loaded.events)
    identity = {name: events[name] for name in IDENTITY}
    given = {**identity, **{name: events[name] for name in _triggers(task.request)}}
    given["genWeight"] = events.genWeight / folds
    weighted = ak.zip({**given, "Muon": output.Muon, "Jet": output.Jet}, depth_limit=1)
    dnn = task.request.dnn
    scorer = task.discriminator or (open_expected(dnn, task.scored_by) if dnn else None)
    analysed = analyse(weighted, task.request.cuts, scorer)
    table = {
        **{name: ak.to_numpy(values) for name, values in identity.items()},
        "fold": np.tile(np.arange(folds, dtype=np.int32), generated),
        "weight": ak.to_numpy(events.genWeight),
        **analysed.table,
    }
    total = float(ak.sum(loaded.events.genWeight))
    return Part(table, analysed.cutflow, total, generated, timings, loaded.neutral, loaded.repairs, analysed.scored)


def _triggers(request: RunRequest) -> tuple[str, ...]:
    return (request.cuts.trigger,) if request.cuts.trigger else ()


def _columns(request: RunRequest, simulator: Simulator) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*columns(simulator.info.reads), *sorted(simulator.info.needs), *_triggers(request))))


@cache  # a worker makes each simulator once: loading weights for every block would dominate
def _simulator(name: RunName) -> Simulator:
    return make(name)


@cache  # entry points do not change while it runs
def _extensions() -> tuple[str, ...]:
    """Observables of plugins, which a table then holds."""
    return tuple(p.origin for p in plugins.available("observable"))


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - started


def _check_request(request: RunRequest, simulator: Simulator) -> None:
    name = request.name
    if name.folds > 1 and not simulator.info.stochastic:
        raise RunError(str(name), f"'{name.simulator}' is not stochastic: its folds would be copies", "leave @N out")


def _task(block: Block, request: RunRequest, tools: _Tools, out: Path, given: Simulator | None) -> _Task:
    made, scored_by = tools.simulator, tools.discriminator.sha256 if tools.discriminator else ""
    settings = asdict(request)
    for name in ("process_label", "events", "dnn", "cross_section_pb"):  # none changes what a block gives
        del settings[name]
    key = {
        "block": [block.uuid, block.start, block.stop, block.index],
        "code": provenance.code_fingerprint(),
        "plugins": _extensions(),
        "simulator": [made.info.name, made.info.version, f"{type(made).__module__}.{type(made).__qualname__}"],
        "settings": settings,
        "dnn": scored_by,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:20]
    return _Task(block, request, out / "parts" / f"{digest}.parquet", scored_by, given)


def _execute(
    tasks: Sequence[_Task],
    tools: _Tools,
    executor: Executor | None,
    workers: int,
    progress: Progress | None,
    *,
    keep_going: bool,
) -> None:
    total = sum(len(t.block) for t in tasks)
    todo = [t for t in tasks if not t.part.exists()]
    done = total - sum(len(t.block) for t in todo)
    failures: list[FlashbenchError] = []
    if progress:
        progress(done, total)
    if not todo:
        return
    with closing(_finished(todo, tools, executor, workers)) as finished:
        for task, result in finished:
            try:
                result()
            except FlashbenchError as error:
                if not keep_going:
                    raise
                failures.append(error)
                continue
            done += len(task.block)
            if progress:
                progress(done, total)
    if failures:
        problem = f"{len(failures)} of {len(tasks)} blocks failed; " + "; ".join(map(str, failures))
        hint = "the others are kept: the same command tries these again"
        raise SimulationError(f"{tasks[0].request.name} on {tasks[0].request.process}", problem, hint)


def _finished(
    todo: Sequence[_Task], tools: _Tools, executor: Executor | None, workers: int
) -> Generator[tuple[_Task, Callable[[], Path]], None, None]:
    """Tasks as they finish, each with what gives its part or raises its error."""
    if executor is None and (workers == 1 or len(todo) == 1):
        for task in todo:
            given = replace(task, simulator=tools.simulator, discriminator=tools.discriminator)
            yield task, partial(process_block, given)
        return
    own = None
    if executor is None:
        context = get_context("forkserver")
        own = executor = ProcessPoolExecutor(min(workers, len(todo)), context, initializer=_ignore_interrupt)
    futures: dict[Future[Path], _Task] = {executor.submit(process_block, task): task for task in todo}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result
    finally:
        for future in futures:
            future.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)  # blocks under way finish, so their parts are kept


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; a worker finishes its block


def _describe(request: RunRequest, tools: _Tools, sources: Sequence[Source], parts: Sequence[Part]) -> dict[str, Any]:
    info, dnn = tools.simulator.info, tools.discriminator
    expected = sum(s.entries for s in sources)
    limit = expected if request.events is None else min(expected, request.events)
    return {
        "manifest_version": MANIFEST_VERSION,
        "process": request.process,
        "process_label": request.process_label or request.process,
        "simulator": str(request.name),
        "simulator_label": info.label + (f" ×{request.name.folds}" if request.name.folds > 1 else ""),
        "simulator_version": info.version,
        "reads": str(info.reads),
        "folds": request.name.folds,
        "seed": request.seed,
        "block_events": request.block_events,
        "cuts": asdict(request.cuts),
        "events": {"expected": limit, "read": sum(p.n_events for p in parts)},
        "sum_weights": sum(p.sum_weights for p in parts),
        "inputs": [provenance.describe_input(s) for s in sources],
        "repairs": _sums(p.repairs for p in parts),
        "cross_section_pb": request.cross_section_pb,
        "dnn": {**dnn.describe(), "counts": _sums(p.scored for p in parts)} if dnn else None,
        "timings": {stage: sum(p.timings[stage] for p in parts) for stage in parts[0].timings},
        **provenance.describe(),
    }


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
