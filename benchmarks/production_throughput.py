"""Events a second and memory of the production, per process.

    python benchmarks/production_throughput.py --process vbf_hmm --events 4000 --workers 2 --out RESULT.json

The minimum-bias pool is made before the clock starts. CPU seconds and peak memory are those of the worker processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from flashbench.production import cache_directory, produce


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--process", default="vbf_hmm")
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the sample in the cache, where others find it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    first = produce(arguments.process, 1, seed=arguments.seed + 1000, workers=arguments.workers)  # makes the pool
    shutil.rmtree(first.directory)
    with TemporaryDirectory() as scratch:
        root = cache_directory() if arguments.keep else Path(scratch)
        if not arguments.keep:
            (root / "minimum-bias").symlink_to(cache_directory() / "minimum-bias")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started, clock = time.time(), time.perf_counter()
        options = {"seed": arguments.seed, "workers": arguments.workers, "cache": root}
        sample = produce(arguments.process, arguments.events, **options)
        seconds = time.perf_counter() - clock
        if min(path.stat().st_mtime for files in sample.files.values() for path in files) < started:
            parser.error("some of the sample was there before; choose another --seed")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = sum(path.stat().st_size for files in sample.files.values() for path in files)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = {
        "command": " ".join(["python", *sys.argv]),
        "process": arguments.process,
        "events": sample.events,
        "workers": arguments.workers,
        "load_average_at_end": os.getloadavg()[0],
        "wall_seconds": seconds,
        "events_per_second": sample.events / seconds,
        "cpu_ms_per_event": 1e3 * cpu / sample.events,
        "events_per_second_of_two_free_cores": 2 * sample.events / cpu,
        "peak_memory_mb": after.ru_maxrss / 1024,
        "bytes_per_event": size / sample.events,
    }
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
