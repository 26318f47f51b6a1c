"""Memory of the production's workers over a long run: it must not grow with the number of events.

    python benchmarks/production_memory.py --process vbf_hmm --events 100000 --out RESULT.json

Resident memory of every worker is read from /proc (Linux) twice a second, with the events done at that time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from flashbench.events import Tier
from flashbench.production import cache_directory, produce

SLICES = 10


def children() -> list[int]:
    """Process ids of the workers: direct children of this process."""
    return [int(p) for p in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


def resident(pid: int) -> float | None:
    """Resident memory in MB; None where the process has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--process", default="vbf_hmm")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--tier", action="append", choices=["full", "fast"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the sample in the cache, where others find it")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tiers = tuple(Tier(t) for t in arguments.tier or ("full", "fast"))
    produce(arguments.process, 1, workers=arguments.workers, tiers=tiers)  # makes the pool
    done, readings, over = 0, [], threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            used = [m for m in map(resident, children()) if m is not None]
            readings.append((done, max(used, default=0.0)))

    def progress(now: int, _: int) -> None:
        nonlocal done
        done = now

    with TemporaryDirectory() as scratch:
        cache = cache_directory() if arguments.keep else Path(scratch)
        if not arguments.keep:
            (cache / "minimum-bias").symlink_to(cache_directory() / "minimum-bias")
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        clock = time.perf_counter()
        options = {"workers": arguments.workers, "cache": cache, "tiers": tiers, "progress": progress}
        sample = produce(arguments.process, arguments.events, **options)
        seconds = time.perf_counter() - clock
        over.set()
        watcher.join()
    at, used = np.array(readings).T
    edges = np.linspace(0, sample.events, SLICES + 1)
    peaks = [float(used[(at >= a) & (at < b)].max()) for a, b in pairwise(edges)]
    result = {
        "command": " ".join(["python", *sys.argv]),
        "process": arguments.process,
        "tiers": [str(t) for t in tiers],
        "events": sample.events,
        "workers": arguments.workers,
        "wall_seconds": seconds,
        "load_average_at_end": os.getloadavg()[0],
        "peak_resident_mb": float(used.max()),
        "peak_resident_mb_by_tenth_of_the_events": peaks,
        "growth_last_half_over_first_half": max(peaks[SLICES // 2 :]) / max(peaks[: SLICES // 2]),
    }
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
