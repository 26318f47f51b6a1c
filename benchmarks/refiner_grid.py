"""A grid of 2 × 2 × 2 points by two processes, one killed with -9, then the command itself, and resumed to the end.

    python benchmarks/refiner_grid.py --fast 'fast/*.root' --full 'full/*.root' --out grid-benchmark \\
        --output benchmarks/results/refiner_grid.json

The monitor is open in headless Chromium all the time; its pictures are in OUT/screenshots. Required: all points are
trained once, those that were interrupted go on from their last epoch, and the page shows it without being loaded again.
Needs playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from flashbench.storage import write_json
from flashbench.training import state
from flashbench.training.grid_study import open_study, results
from flashbench.training.monitor import make_server

GRID: Final = """
name = "benchmark"
[recipe]
epochs = {epochs}
[grid]
hidden = [32, 128]
bandwidth = ["median", "adaptive"]
unitarity = ["exact", "constrained"]
"""


def wait(until: Callable[[], Any]) -> Any:
    while not (found := until()):
        time.sleep(0.2)
    return found


def running(folder: Path) -> list[int]:
    """Numbers of the processes that train points."""
    told = [state.read(path.parent) for path in folder.glob("points/*/*/state.json")]
    return sorted({each["owner"]["pid"] for each in told if each and each["state"] == state.RUNNING})


def epochs(folder: Path) -> dict[str, int]:
    """Finished epochs of every point."""
    files = folder.glob("points/*/jets-mmd/history.jsonl")
    return {path.parent.parent.name: path.read_text(encoding="utf-8").count("\n") for path in files}


def measure(arguments: argparse.Namespace, page: Any, shots: Path) -> dict[str, Any]:
    """Run, kill, resume; what was seen."""
    path, folder = arguments.out / "grid.toml", arguments.out / "benchmark"
    path.write_text(GRID.format(epochs=arguments.epochs), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("flashbench")), "grid", "refined", str(path), "--workers", "2"]
    command += ["--fast", arguments.fast, "--full", arguments.full, "--out", str(arguments.out)]
    page.evaluate("window.mark = 'the same page'")

    def shot(name: str) -> None:
        page.wait_for_timeout(2500)
        page.screenshot(path=str(shots / f"{name}.png"), full_page=True)

    started = time.perf_counter()
    first = subprocess.Popen(command)
    wait(lambda: len(running(folder)) == 2)
    wait(lambda: len(epochs(folder)) == 2 and min(epochs(folder).values()) >= 2)
    shot("1-two-processes")
    victim = running(folder)[0]
    os.kill(victim, signal.SIGKILL)
    shot("2-one-killed")
    wait(lambda: sum(row["state"] == state.DONE for row in results(folder)) >= 2)
    shot("3-the-other-goes-on")
    left = running(folder)
    first.kill()
    first.wait()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not running(folder))
    interrupted = epochs(folder)
    shot("4-all-killed")
    before = {row["key"]: row for row in results(folder)}
    resumed = subprocess.run(command, check=False)
    shot("5-resumed-to-the-end")
    after = results(folder)
    trials = open_study(folder).get_trials(deepcopy=False)
    histories = folder.glob("points/*/jets-mmd/history.jsonl")
    numbers = [[json.loads(line)["epoch"] for line in p.read_text(encoding="utf-8").splitlines()] for p in histories]
    return {
        "seconds": time.perf_counter() - started,
        "states before the resume": {key: row["state"] for key, row in before.items()},
        "epochs before the resume": interrupted,
        "exit code of the resume": resumed.returncode,
        "trials by state": {name: sum(t.state.name == name for t in trials) for name in ("COMPLETE", "FAIL", "PRUNED")},
        "points": after,
        "page loaded once": page.evaluate("window.mark") == "the same page",
        "required": resumed.returncode == 0
        and [row["state"] for row in after] == [state.DONE] * 8
        and sum(trial.state.name == "COMPLETE" for trial in trials) == 8
        and all(each == list(range(arguments.epochs)) for each in numbers)
        and page.evaluate("window.mark") == "the same page",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", required=True, help="files of the fast tier")
    parser.add_argument("--full", required=True, help="files of the full tier of the same events")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("grid-benchmark"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/refiner_grid.json"))
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    shots = arguments.out / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    with make_server(arguments.out) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        content = measure(arguments, page, shots)
        content["browser"] = f"Chromium {browser.version}"
        browser.close()
        server.shutdown()
    write_json(arguments.output, {"command": " ".join(["python", *sys.argv]), **content})
    print(arguments.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
