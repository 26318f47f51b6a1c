"""The monitor in headless Chromium, during real trainings; skipped where there is no browser to drive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flashbench.training import state
from flashbench.training.monitor import make_server

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to look with")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: apt-get install chromium)")

PATIENCE = 120_000  # ms; a busy machine is not a fault of the page
GRID = """
name = "looked-at"
[recipe]
epochs = 40
batch = 256
rate = 1e-2
[grid]
hidden = [4, 8]
bandwidth = ["median", "adaptive"]
"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser, tmp_path):
    """The monitor's page for `tmp_path`."""
    with make_server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = browser.new_page(viewport={"width": 1500, "height": 1100})
        opened.set_default_timeout(PATIENCE)
        opened.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        yield opened
        opened.close()
        server.shutdown()


def write(folder, values, told=state.DONE, **facts):
    """A training as the loop leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"epoch": k, "step": k, "rate": 0.1, "train": {"total": v}, "validation": {"total": v}, "seconds": k + 1.0,
         "epochs": 10}
        for k, v in enumerate(values)
    ]  # fmt: skip
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    state.write(folder, told, {"name": folder.name, "epochs": 10} | facts)


def order(page):
    """Identities of the rows, from the top."""
    return page.eval_on_selector_all("#trainings tbody tr[data-id]", "rows => rows.map(row => row.dataset.id)")


def test_losses_move_and_the_ranking_changes_without_a_reload_while_a_grid_runs(page, tiers, tmp_path):
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("flashbench")), "grid", "refined", str(tmp_path / "grid.toml")]
    command += ["--fast", str(tiers[0]), "--full", str(tiers[1]), "--workers", "2", "--out", str(tmp_path)]
    page.evaluate("window.mark = 'the same page'")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        curve = "#charts figure[data-term='mmd'] path.validation"
        page.wait_for_selector("#trainings .state.queued")
        page.wait_for_selector("#trainings .state.running")
        before = page.wait_for_selector(curve, state="attached").get_attribute("d")
        script = "([curve, before]) => [...document.querySelectorAll(curve)].every(p => p.getAttribute('d') !== before)"
        page.wait_for_function(script, arg=[curve, before])
        for kind in ("benchmark", "floor"):
            page.wait_for_selector(f"#charts figure[data-term='mmd'] line.{kind}", state="attached")
        page.wait_for_selector("#charts figure[data-term='lambda.huber'] path.train", state="attached")
        page.wait_for_selector("#charts figure[data-term='huber'] line.limit", state="attached")
        assert len(order(page)) == 4
        write(tmp_path / "best", [1.0, -1.0])  # of someone else, while the grid runs
        page.wait_for_function("() => document.querySelector('#trainings tbody tr[data-id]').dataset.id === 'best'")
        assert len(order(page)) == 5
        points = [state.read(path.parent) for path in tmp_path.glob("looked-at/points/*/*/state.json")]
        victim = next(told["owner"]["pid"] for told in points if told["state"] == state.RUNNING)
        others = {told["owner"]["pid"] for told in points} - {victim}
        for other in others:  # else it may take the point over before the page has looked
            os.kill(other, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        page.wait_for_selector("#trainings .state.killed")
        for other in others:
            os.kill(other, signal.SIGCONT)
        page.wait_for_function("() => document.querySelectorAll('#trainings .state.done').length === 5")
        assert process.wait() == 0
    finally:
        process.terminate()
    assert page.evaluate("window.mark") == "the same page"
    assert page.inner_text("#counts") == "5 done"


def test_trainings_are_ranked_filtered_and_overlaid(page, tmp_path):
    for name, best, hidden in (("a", 3.0, 64), ("b", 1.0, 64), ("c", 2.0, 128)):
        write(tmp_path / name, [9.0, best], group="one" if name != "c" else "two", parameters={"hidden": hidden})
    write(tmp_path / "d", [8.0], state.FAILED, error="the loss is not finite", group="two")
    page.wait_for_function("() => document.querySelectorAll('#trainings tbody tr[data-id]').length === 4")
    assert order(page) == ["b", "c", "a", "d"]
    page.select_option("#group", "one")
    assert order(page) == ["b", "a"]
    page.select_option("#group", "")
    page.fill("#text", "128")
    assert order(page) == ["c"]
    page.fill("#text", "")
    page.select_option("#state", "failed")
    assert order(page) == ["d"]
    assert page.get_attribute("#trainings .state.failed", "title") == "the loss is not finite"
    page.select_option("#state", "")
    page.click("#none")
    assert page.locator("#charts figure").count() == 0
    page.click("tr[data-id='a']")
    page.click("tr[data-id='c']")
    page.wait_for_function("() => document.querySelectorAll('#charts path.validation').length === 2")
    page.click("th:text-is('hidden')")
    assert order(page)[:3] == ["d", "c", "a"]  # as text: nothing, 128, 64
    page.click("th:text-is('hidden')")
    assert order(page)[0] in ("a", "b")


def test_names_are_text_and_never_markup(page, tmp_path):
    hostile = "<img src=x onerror='window.hacked = 1'>"
    write(tmp_path / "t", [1.0], name=hostile, group=hostile, parameters={hostile: hostile})
    page.wait_for_selector("tr[data-id='t']")
    assert hostile in page.inner_text("tr[data-id='t']")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_the_page_says_when_the_server_is_gone_and_goes_on_when_it_is_back(browser, tmp_path):
    write(tmp_path / "t", [1.0])
    opened = browser.new_page()
    opened.set_default_timeout(PATIENCE)
    with make_server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        opened.goto(f"http://127.0.0.1:{port}/")
        opened.wait_for_selector("tr[data-id='t']")
        server.shutdown()
    opened.wait_for_selector("#connection.lost")
    write(tmp_path / "u", [1.0])
    with make_server(tmp_path, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.wait_for_selector("tr[data-id='u']")
        assert opened.inner_text("#connection") == ""
        server.shutdown()
    opened.close()
