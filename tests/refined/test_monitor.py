import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from flashbench.errors import InputError
from flashbench.training import state
from flashbench.training.monitor import Collector, make_server


def epoch(number, epochs=10, value=1.0):
    """One line of a history."""
    terms = {"total": value, "mmd": value / 1000}
    return {"epoch": number, "step": number, "rate": 1e-3, "train": terms, "validation": terms,
            "seconds": 2.0 * (number + 1), "epochs": epochs}  # fmt: skip


def write_training(folder, values=(), told=None, epochs=10):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(epoch(k, epochs, value)) + "\n" for k, value in enumerate(values)]
    (folder / "history.jsonl").write_text("".join(lines), encoding="utf-8")
    if told:
        state.write(folder, told, {"name": folder.name, "group": "g", "parameters": {"hidden": 8}, "epochs": epochs})


@pytest.fixture
def server(tmp_path):
    with make_server(tmp_path) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


def get(server, path, host=None):
    port = server.server_address[1]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host or f"localhost:{port}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def only(collector):
    (training,) = collector.overview()["trainings"]
    return training


def test_a_running_training_has_its_epoch_time_left_best_terms_and_references(tmp_path):
    write_training(tmp_path / "jets-mmd", (3.0, 1.0, 2.0), state.RUNNING)
    reference = {"benchmark": {"mmd": 0.5}, "floor": {"mmd": 0.0}, "limits": {}}
    (tmp_path / "jets-mmd" / "reference.json").write_text(json.dumps(reference), encoding="utf-8")
    shown = only(Collector(tmp_path))
    assert (shown["state"], shown["epoch"], shown["epochs"]) == ("running", 3, 10)
    assert shown["eta"] == pytest.approx(14.0)
    assert shown["best"] == {"epoch": 1, "terms": {"total": 1.0, "mmd": 0.001}}
    assert shown["last"]["train"]["total"] == 2.0
    assert shown["reference"] == reference
    assert (shown["group"], shown["parameters"]) == ("g", {"hidden": 8})


def test_a_training_whose_process_was_killed_is_shown_as_killed(tmp_path):
    write_training(tmp_path / "t", (1.0,))
    script = "import sys; from pathlib import Path; from flashbench.training import state;"
    script += "state.write(Path(sys.argv[1]), state.RUNNING, {'epochs': 10})"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "t")], check=True)
    shown = only(Collector(tmp_path))
    assert shown["state"] == state.KILLED
    assert shown["eta"] is None


def test_states_of_ends_and_of_queues(tmp_path):
    for told in (state.DONE, state.FAILED, state.QUEUED):
        write_training(tmp_path / told, (1.0,), told)
    assert [each["state"] for each in Collector(tmp_path).overview()["trainings"]] == ["done", "failed", "queued"]


def test_trainings_that_tell_no_state_are_judged_by_their_history(tmp_path):
    write_training(tmp_path / "a", (1.0,) * 10)
    write_training(tmp_path / "b", (1.0,) * 3)
    write_training(tmp_path / "c", (1.0,) * 3)
    old = time.time() - 1000
    os.utime(tmp_path / "c" / "history.jsonl", (old, old))
    assert [each["state"] for each in Collector(tmp_path).overview()["trainings"]] == ["done", "running", "stopped"]


def test_a_line_that_is_being_written_is_left_for_the_next_time(tmp_path):
    write_training(tmp_path / "t", (1.0, 2.0), state.RUNNING)
    collector = Collector(tmp_path)
    line = json.dumps(epoch(2))
    with (tmp_path / "t" / "history.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line[:40])
        stream.flush()
        assert collector.history("t")["total"] == 2
        stream.write(line[40:] + "\n")
    assert collector.history("t", 2)["epochs"] == [epoch(2)]


def test_a_history_that_was_started_anew_replaces_the_old_one(tmp_path):
    write_training(tmp_path / "t", (1.0, 2.0, 3.0))
    collector = Collector(tmp_path)
    assert collector.history("t")["total"] == 3
    write_training(tmp_path / "t", (5.0,))
    assert collector.history("t")["epochs"][0]["validation"]["total"] == 5.0


def test_the_server_answers_with_json_without_nan(tmp_path, server):
    write_training(tmp_path / "t", (float("nan"), 1.0), state.RUNNING)
    content, headers = get(server, "/api/overview")
    assert json.loads(content, parse_constant=pytest.fail)["trainings"][0]["epoch"] == 2
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    content, _ = get(server, "/api/history?id=t&from=1")
    assert [each["epoch"] for each in json.loads(content)["epochs"]] == [1]


def test_the_page_fetches_nothing_from_elsewhere(server):
    for path in ("/", "/monitor.js", "/charts.js", "/monitor.css"):
        text = get(server, path)[0].decode().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text.replace("http-equiv", "")
        assert "innerHTML" not in text
        assert "<script>" not in text


@pytest.mark.parametrize("path", ["/api/history?id=../secret", "/api/history?id=/etc", "/../collect.py", "/nothing"])
def test_nothing_outside_the_folder_is_served(tmp_path, server, path):
    (tmp_path.parent / "secret").mkdir(exist_ok=True)
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(server, path)
    assert raised.value.code == 404


def test_only_this_machine_is_answered(server):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(server, "/api/overview", host="evil.example:80")
    assert raised.value.code == 403


def test_a_folder_that_is_not_there_or_a_port_that_is_taken_is_an_error(tmp_path, server):
    with pytest.raises(InputError, match="no such folder"):
        make_server(tmp_path / "nothing")
    with pytest.raises(InputError, match="cannot be listened at"):
        make_server(tmp_path, server.server_address[1])
