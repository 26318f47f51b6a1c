"""How long a newcomer takes to a simulator that passes the contract: a command each, by the stopwatch.

    python benchmarks/plugin_stopwatch.py --output benchmarks/results/plugin_stopwatch.json

In a fresh environment outside the repository, with flashbench from its wheel and what that requires from the package
index, and nothing else: no torch. Processor seconds stand beside wall seconds, for a machine that is not idle.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flashbench.storage import write_json

ROOT = Path(__file__).parents[1]
NAME = "mine"
HEAVY = ("torch", "normflows", "pythia8mc")


def timed(command: list[str], folder: Path, binaries: Path) -> dict[str, Any]:
    """Run a command as a newcomer would; wall and processor seconds, and its last line."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["PATH"] = f"{binaries}:{environment['PATH']}"
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = (done.stdout.strip().splitlines() or [""])[-1]
    print(f"{seconds:8.1f} s  {processor:6.1f} s of processor  {' '.join(command)}   {last}", flush=True)
    return {"command": " ".join(command), "seconds": seconds, "processor_seconds": processor, "last_line": last}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run([given.python, "-m", "venv", str(folder / "venv")], check=True)
        binaries = folder / "venv" / "bin"
        pip = [str(binaries / "pip"), "--disable-pip-version-check"]
        build = [*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
        subprocess.run(build, check=True)
        (wheel,) = folder.glob("flashbench-*.whl")
        install = timed(["pip", "install", "-q", wheel.name], folder, binaries)
        steps = [
            timed(["flashbench", "plugin", "new", NAME], folder, binaries),
            timed(["pip", "install", "-q", "-e", f"flashbench-{NAME}"], folder, binaries),
            timed(["flashbench", "check", NAME], folder, binaries),
        ]
        interpreter = subprocess.run(
            [binaries / "python", "-V"], check=True, capture_output=True, text=True
        ).stdout.split()[1]
        listed = subprocess.run([*pip, "list"], check=True, capture_output=True, text=True).stdout.lower()
    total = {key: sum(step[key] for step in steps) for key in ("seconds", "processor_seconds")}
    there = [name for name in HEAVY if f"\n{name} " in listed]
    print(
        f"{total['seconds']:8.1f} s  from `plugin new` to a passing `check`; of {', '.join(HEAVY)} are there: {there}"
    )
    if given.output:
        about = {"python": interpreter, "platform": platform.platform(), "cores": os.cpu_count()}
        about |= {"load_average": os.getloadavg()[0], "command": " ".join(["python", *sys.argv])}
        write_json(given.output, {"install": install, "steps": steps, "total": total, "heavy": there, **about})


if __name__ == "__main__":
    main()
