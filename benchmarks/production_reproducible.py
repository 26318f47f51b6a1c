"""Same seed, same arrays: on one worker, on two, and after kill -9 in the middle and a second try.

python benchmarks/production_reproducible.py --process vbf_hmm --events 3000 --out RESULT.json
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from flashbench.events import Tier
from flashbench.production import Sample, cache_directory, produce
from flashbench.production.shards import read_marker


def hashes(sample: Sample) -> list[str]:
    """Array hashes of all shards and tiers."""
    return [
        read_marker(sample.directory, tier, shard)["sha256"]
        for tier in (Tier.FULL, Tier.FAST)
        for shard in range(len(sample.files[tier]))
    ]


def killed(process: str, events: int, cache: Path) -> int:
    """Start production, kill it with signal 9 when its first shard is there; the number of files it left."""
    command = f"from flashbench.production import produce\nif __name__ == '__main__': produce({process!r}, {events})"
    script = cache / "run.py"
    script.write_text(command, encoding="utf-8")
    running = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"FLASHBENCH_CACHE": str(cache)})
    while not list(cache.glob("samples/*/*/fast/*.json")):
        time.sleep(0.2)
        if running.poll() is not None:
            raise SystemExit("production ended before it could be killed")
    running.send_signal(signal.SIGKILL)
    running.wait()
    time.sleep(3)  # its workers notice within a second
    return len(list(cache.glob("samples/*/*/*/*.json")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--process", default="vbf_hmm")
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    produce(arguments.process, 1)  # makes the pool
    found = {}
    for name in ("one worker", "two workers", "killed and resumed"):
        with TemporaryDirectory() as scratch:
            cache = Path(scratch)
            (cache / "minimum-bias").symlink_to(cache_directory() / "minimum-bias")
            left = killed(arguments.process, arguments.events, cache) if name.startswith("killed") else 0
            workers = 1 if name == "one worker" else 2
            sample = produce(arguments.process, arguments.events, workers=workers, cache=cache)
            found[name] = {"sha256": hashes(sample), "markers_before": left}
    same = len({tuple(entry["sha256"]) for entry in found.values()}) == 1
    content = {"command": " ".join(["python", *sys.argv]), "identical": same, "runs": found}
    print("identical:", same, {name: entry["markers_before"] for name, entry in found.items()})
    if arguments.out:
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
