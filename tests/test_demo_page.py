"""The page of the demo itself: .ci/run makes it by the README's first command and says where it is."""

import os
import re
from pathlib import Path

import pytest

from figure_names import OF_BOTH, OF_OBJECTS, OF_PROCESS, OF_STUDIES, shows_something
from flashbench.cli.demo import PROCESSES, SIMULATORS, VARIATION

VARIABLE = "FLASHBENCH_DEMO"


@pytest.fixture(scope="module")
def demo():
    """Folder that `flashbench demo` wrote."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} is not set: no folder of a demo to look at")
    return Path(os.environ[VARIABLE])


def test_every_figure_of_the_papers_is_in_the_demo_and_none_is_empty(demo):
    stems = [f"{process}-{name}" for process in PROCESSES for name in OF_PROCESS]
    stems += [f"separation-{'_'.join(PROCESSES)}_{name}" for name in OF_BOTH]
    stems += [f"separation-roc_{'_'.join(PROCESSES)}"]
    stems += [f"{process}-objects-{name.replace('-', '_')}" for process in PROCESSES for name in OF_OBJECTS]
    sides = {"systematics": f"{PROCESSES[0]}_{VARIATION}"}
    for folder, names in OF_STUDIES.items():
        stems += [f"{sides.get(folder, PROCESSES[0])}-{name}" for name in names]
    drawn = {path.stem: path for path in demo.rglob("*.png")}
    assert set(stems) <= set(drawn)
    page = (demo / "report.html").read_text(encoding="utf-8")
    shown = "\n".join(re.findall(r'<figure id="([^"]+)"', page)).replace("-", "_")
    for stem in stems:
        assert stem.replace("-", "_") in shown
        shows_something(drawn[stem])


def test_every_simulator_took_part(demo):
    page = (demo / "report.html").read_text(encoding="utf-8")
    assert set(re.findall(r'<th scope="row"[^>]*>.*?<code>(\w+)</code>', page)) >= set(SIMULATORS)
