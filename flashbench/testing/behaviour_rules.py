"""Rules of how a simulator behaves from call to call: randomness, state, workers, cost."""

from __future__ import annotations

import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from flashbench.events import repeat
from flashbench.simulators import Simulator
from flashbench.simulators.contract import COLLECTIONS
from flashbench.testing.bench import Bench, BrokenRuleError, global_state, known_global_state

FloatArray = NDArray[np.float64]

_THREADS = 4
_LEAST_CHANGE = 0.5  # of copies over that of separate blocks, 1 if independent; its error is about 0.12
_LEAST_PT = 1e-3  # GeV


def input_untouched(bench: Bench) -> str:
    """The events that went in are as they were."""
    given = ak.copy(bench.small)
    with known_global_state():
        bench.bare_run(given)
    for name in bench.small.fields:
        if name not in given.fields or not ak.array_equal(given[name], bench.small[name], equal_nan=True):
            raise BrokenRuleError(f"{name} of the input was changed")
    return ""


def deterministic(bench: Bench) -> str:
    """Without randomness announced, none is used."""
    _same(bench.run(bench.small, seed=1), bench.run(bench.small, seed=2), "two random streams")
    return ""


def split(bench: Bench) -> str:
    """Two blocks give what one block of both gives."""
    cut = len(bench.small) // 3
    halves = [bench.run(bench.small[:cut]), bench.run(bench.small[cut:])]
    whole = bench.run(bench.small)
    for half, part in ((halves[0], whole[:cut]), (halves[1], whole[cut:])):
        _same(half, part, "a block and a part of a larger block")
    return ""


def seeded(bench: Bench) -> str:
    """The same stream gives the same output."""
    simulator = bench.make()
    first, second = (bench.run(bench.small, seed=3, simulator=simulator) for _ in range(2))
    _same(first, second, "two calls with the same events and the same stream")
    return ""


def varied(bench: Bench) -> str:
    """Another stream gives another output."""
    branch = _difference(bench.run(bench.small, seed=1), bench.run(bench.small, seed=2))
    if branch is None:
        raise BrokenRuleError("two random streams gave the same output")
    return f"{branch} differs"


def folds(bench: Bench) -> str:
    """Copies of an event in a block are thrown independently."""
    doubled = bench.run(repeat(bench.sample, 2), seed=1)
    apart = [bench.run(bench.sample, seed=seed) for seed in (2, 3)]
    told = []
    for name in COLLECTIONS:
        together = _changes(doubled[name][::2], doubled[name][1::2])
        separate = _changes(*(output[name] for output in apart))
        measure = np.median if len(separate) and np.median(separate) > 0 else _share_changed
        if not len(separate) or not len(together) or not measure(separate):
            continue
        ratio = float(measure(together) / measure(separate))
        if ratio < _LEAST_CHANGE:
            problem = f"leading {name}_pt differs between two copies in a block {ratio:.2f} times as much"
            raise BrokenRuleError(f"{problem} as between separate blocks")
        told.append(f"{name} {ratio:.2f}")
    return "change of pT over that between separate blocks: " + ", ".join(told) if told else "pT does not vary"


def own_stream(bench: Bench) -> str:
    """No global generator is used."""
    with known_global_state():
        before = global_state()
        bench.bare_run(ak.copy(bench.small))
        after = global_state()
    for name, state in before.items():
        if not _same_state(state, after[name]):
            raise BrokenRuleError(f"the global generator `{name}` was used or seeded")
    return ", ".join(before)


def remade(bench: Bench) -> str:
    """A worker process can make it, and gets the same."""
    expected = bench.run(bench.small, simulator=bench.make())
    _same(expected, bench.run(bench.small, simulator=bench.make()), "two simulators made alike")
    try:
        copy: Simulator = pickle.loads(pickle.dumps(bench.make()))
    except Exception as error:
        if bench.registered:
            return "made anew by its name"
        problem = f"does not pickle, and is not registered: {type(error).__name__}: {error}"
        raise BrokenRuleError(problem) from error
    _same(expected, bench.run(bench.small, simulator=copy), "a simulator and its pickled copy")
    return "pickles"


def forgetful(bench: Bench) -> str:
    """What an earlier block held does not matter."""
    expected = bench.run(bench.small, simulator=bench.make())
    simulator = bench.make()
    bench.run(bench.other, simulator=simulator)
    again = bench.run(bench.small, simulator=simulator)
    _same(expected, again, "a first call and a call after another block")
    return ""


def threads(bench: Bench) -> str:
    """Calls at the same time do not mix."""
    simulator = bench.make()
    seeds = range(_THREADS)
    serial = [bench.run(bench.small, seed=seed, simulator=simulator) for seed in seeds]
    with known_global_state(), ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(bench.bare_run, ak.copy(bench.small), seed, simulator) for seed in seeds]
        together = [future.result() for future in futures]
    for alone, among in zip(serial, together, strict=True):
        _same(alone, among, f"a call alone and among {_THREADS} threads")
    return f"{_THREADS} threads"


def fast_enough(bench: Bench) -> str:
    """Time an event is within the limit."""
    bench.run(bench.sample)
    seconds = []
    for _ in range(2):
        events = ak.copy(bench.sample)
        started = time.perf_counter()
        bench.bare_run(events)
        seconds.append(time.perf_counter() - started)
    each = min(seconds) / len(bench.sample)
    if each > bench.limits.seconds_per_event:
        problem = f"{1e3 * each:.2f} ms an event, at most {1e3 * bench.limits.seconds_per_event:g}"
        raise BrokenRuleError(problem)
    return f"{1e3 * each:.3f} ms an event"


def small_enough(bench: Bench) -> str:
    """Memory an event is within the limit."""
    events = ak.copy(bench.sample)
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        bench.bare_run(events)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        if not running:
            tracemalloc.stop()
    each = (peak - before) / 1e6 / len(events)
    if each > bench.limits.megabytes_per_event:
        problem = f"{each:.2f} MB an event at the peak, at most {bench.limits.megabytes_per_event:g}"
        raise BrokenRuleError(problem)
    return f"{1e3 * each:.1f} kB an event, of Python and NumPy"


def _same(a: Any, b: Any, between: str) -> None:
    branch = _difference(a, b)
    if branch is not None:
        raise BrokenRuleError(f"{branch} differs between {between}")


def _difference(a: ak.Array, b: ak.Array) -> str | None:
    """The first branch that differs."""
    for name in COLLECTIONS:
        for field in a[name].fields:
            if field not in b[name].fields:
                return f"{name}_{field}"
            pair = (a[name][field], b[name][field])
            if not ak.array_equal(*pair, equal_nan=True, dtype_exact=False, check_regular=False):
                return f"{name}_{field}"
    return None


def _changes(a: ak.Array, b: ak.Array) -> FloatArray:
    """|ln| of the ratio of the leading pT, of the events that have one in both."""
    both = (ak.num(a) > 0) & (ak.num(b) > 0)
    first, second = (np.maximum(ak.to_numpy(objects.pt[both][:, 0]), _LEAST_PT) for objects in (a, b))
    return np.asarray(np.abs(np.log(first / second)), np.float64)


def _share_changed(changes: FloatArray) -> float:
    return float(np.mean(changes > 0))


def _same_state(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(_same_state(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b))
