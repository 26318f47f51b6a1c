import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flashbench.errors import CatalogueError, RunError
from flashbench.training import state
from flashbench.training.grid import prepare, run_grid, work
from flashbench.training.grid_file import load_grid
from flashbench.training.grid_study import open_study, results

GRID = """
name = "tiny"
minimise = "w1"
[recipe]
epochs = {epochs}
batch = 256
rate = 1e-2
[grid]
hidden = [4, 8]
bandwidth = ["median", "adaptive"]
scales = [[1.0], [0.5, 1.0]]
"""


def grid_file(folder, text=None, epochs=2):
    path = folder / "grid.toml"
    path.write_text(text or GRID.format(epochs=epochs), encoding="utf-8")
    return path


def names(tiers):
    return tuple([str(path)] for path in tiers)


def start(path, tiers, out, workers=2):
    """The command in a process of its own."""
    fast, full = map(str, tiers)
    flashbench = str(Path(sys.executable).with_name("flashbench"))
    command = [flashbench, "grid", "refined", str(path), "--fast", fast, "--full", full]
    return subprocess.Popen([*command, "--workers", str(workers), "--out", str(out)], stdout=subprocess.DEVNULL)


def running(folder):
    """Stages that say they are being trained, with the process that does it."""
    told = (state.read(path.parent) for path in folder.glob("points/*/*/state.json"))
    return {each["owner"]["pid"]: each for each in told if each and each["state"] == state.RUNNING}


def wait(until, seconds=600.0):
    """Poll for something to be there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := until():
            return found
        time.sleep(0.05)
    pytest.fail("did not happen in time")


def test_points_are_all_combinations_and_change_name_with_their_recipe(tmp_path):
    grid = load_grid(grid_file(tmp_path))
    assert len(grid.points) == 8
    assert len({point.key for point in grid.points}) == 8
    assert {point.recipe.scales for point in grid.points} == {(1.0,), (0.5, 1.0)}
    assert grid.point({"hidden": 8, "bandwidth": "median", "scales": "[0.5, 1.0]"}).recipe.hidden == 8
    longer = load_grid(grid_file(tmp_path, epochs=3))
    assert not {point.key for point in grid.points} & {point.key for point in longer.points}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = 'a'\n[grid]\nhiden = [4]", "hiden"),
        ("name = 'a'\n[grid]\nhidden = [-4]", "hidden"),
        ("name = 'a'\n[recipe]\nrate = 0\n[grid]\nhidden = [4]", "rate"),
        ("name = '../a'\n[grid]\nhidden = [4]", "name"),
        ("name = 'a'\n[grid]\nhidden = [4, 4]", "same point twice"),
        ("name = 'a'\n[grid]\nhidden = []", "without values"),
        ("name = 'a'\n[grid]\nevents = [4]", "events"),
        ("name = ", "not TOML"),
    ],
)
def test_a_grid_that_does_not_hold_names_its_key(tmp_path, text, says):
    with pytest.raises(CatalogueError, match=says):
        load_grid(grid_file(tmp_path, text))


def test_a_failed_point_is_recorded_and_the_rest_go_on(tiers, tmp_path):
    text = (
        "name = 'breaks'\n[recipe]\nepochs = 1\nbatch = 256\nwarmup = 0\n[grid]\nrate = [1e-2, 1e30]\nhidden = [4, 8]"
    )
    rows = run_grid(load_grid(grid_file(tmp_path, text)), names(tiers), tmp_path)
    assert [row["state"] for row in rows] == [state.DONE] * 2 + [state.FAILED] * 2
    assert {row["parameters"]["rate"] for row in rows[2:]} == {1e30}
    assert all("not finite" in row["error"] for row in rows[2:])
    assert rows[0]["value"] <= rows[1]["value"]


def test_eight_points_with_a_worker_killed_and_the_command_killed_and_resumed(tiers, tmp_path):
    path, folder = grid_file(tmp_path, epochs=8), tmp_path / "out" / "tiny"
    first = start(path, tiers, tmp_path / "out")
    victim = wait(lambda: next(iter(running(folder)), None) if len(running(folder)) == 2 else None)
    os.kill(victim, signal.SIGKILL)
    wait(lambda: any(row["state"] == state.DONE for row in results(folder)))  # the other one goes on
    others = list(running(folder))
    first.kill()
    first.wait()
    for pid in others:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not running(folder))
    before = {row["key"]: row for row in results(folder)}
    assert any(row["state"] != state.DONE for row in before.values())
    assert start(path, tiers, tmp_path / "out").wait() == 0
    after = results(folder)
    assert [row["state"] for row in after] == [state.DONE] * 8
    assert sorted(row["value"] for row in after) == [row["value"] for row in after]
    for row in after:
        lines = (folder / "points" / row["key"] / "jets-mmd" / "history.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == list(range(8))
        if before[row["key"]]["state"] == state.DONE:
            assert row == before[row["key"]]
    finished = [trial for trial in open_study(folder).trials if trial.state.name == "COMPLETE"]
    assert len(finished) == 8  # no point was trained twice


def test_a_point_is_trained_by_one_process_only(tiers, tmp_path):
    text = "name = 'one'\n[recipe]\nepochs = 1\nbatch = 256\n[grid]\nhidden = [4]"
    grid = load_grid(grid_file(tmp_path, text))
    prepare(grid, names(tiers), tmp_path / "one", events=None, storage="")
    script = "import sys; from pathlib import Path; from flashbench.training.grid import work; work(Path(sys.argv[1]))"
    workers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "one")]) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    states = [trial.state.name for trial in open_study(tmp_path / "one").trials]
    assert states.count("COMPLETE") == 1
    assert set(states) <= {"COMPLETE", "PRUNED"}


def test_a_study_can_be_in_a_database(tiers, tmp_path):
    text = "name = 'sql'\n[recipe]\nepochs = 1\nbatch = 256\n[grid]\nhidden = [4, 8]"
    rows = run_grid(
        load_grid(grid_file(tmp_path, text)), names(tiers), tmp_path, storage=f"sqlite:///{tmp_path}/study.db"
    )
    assert [row["state"] for row in rows] == [state.DONE] * 2
    assert not (tmp_path / "sql" / "study.journal").exists()


def test_another_grid_of_the_same_name_is_refused(tiers, tmp_path):
    text = "name = 'same'\n[recipe]\nepochs = 1\nbatch = 256\n[grid]\nhidden = [4]"
    run_grid(load_grid(grid_file(tmp_path, text)), names(tiers), tmp_path)
    work(tmp_path / "same")  # nothing is left: returns at once
    with pytest.raises(RunError, match="another grid of that name"):
        run_grid(load_grid(grid_file(tmp_path, text.replace("4", "8"))), names(tiers), tmp_path)
