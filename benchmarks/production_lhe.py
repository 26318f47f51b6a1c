"""A user's matrix elements end to end: an LHE file showered, simulated, and run through the analysis.

    python benchmarks/production_lhe.py FILE.lhe.gz --process dy2j --events 10000 --out RESULT.json

Both steps are the commands of the command line, in a process of their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from flashbench.production import list_samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lhe", type=Path)
    parser.add_argument("--process", default="dy2j")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    before = {sample.directory for sample in list_samples()}
    make = ["samples", "make", arguments.process, "--lhe", str(arguments.lhe), "--events", str(arguments.events)]
    seconds = {"make": _run([*make, "--workers", str(arguments.workers)])}
    (sample,) = [each for each in list_samples() if each.directory not in before]
    with TemporaryDirectory() as scratch:
        files = str(sample.directory / "full" / "*.root")
        seconds["run"] = _run(
            ["run", "--sim", "full", "--process", arguments.process, "--input", files, "--out", scratch]
        )
        (cutflow,) = Path(scratch).glob("**/cutflow.json")
        steps = json.loads(cutflow.read_text(encoding="utf-8"))
    result = {
        "command": " ".join(["python", *sys.argv]),
        "lhe": arguments.lhe.name,
        "events": sample.events,
        "cross_section_pb": sample.cross_section_pb,
        "seconds": seconds,
        "cutflow": steps,
    }
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _run(words: list[str]) -> float:
    clock = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name("flashbench"), *words], check=True)
    return time.perf_counter() - clock


if __name__ == "__main__":
    main()
