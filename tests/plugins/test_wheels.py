"""Wheels in a fresh environment, outside the repository; and the tutorial, as it is written."""

import os
import re
import subprocess
import sysconfig
import tomllib
import venv
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from flashbench.nanoaod import write_events
from samples import nanoaod_events

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorials" / "your-own-simulator.md"
HEAVY = ("torch", "functorch", "normflows", "pythia8", "fastjet", "_fastjet")  # what the core must do without
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheels")]


class Environment:
    """A fresh environment: flashbench from its wheel, what the core requires, and no torch until it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.work, self.wheels = folder / "work", folder / "wheels"
        self.work.mkdir()
        venv.create(folder / "venv", with_pip=False)
        self.bin = folder / "venv" / "bin"
        self.site = next((folder / "venv" / "lib").glob("python*/site-packages"))
        dependencies, self.heavy = folder / "dependencies", folder / "heavy"
        dependencies.mkdir()
        self.heavy.mkdir()
        for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if "flashbench" not in entry.name and entry.suffix != ".pth":
                chosen = self.heavy if entry.name.startswith(HEAVY) else dependencies
                (chosen / entry.name).symlink_to(entry)
        (self.site / "dependencies.pth").write_text(f"{dependencies}\n")
        (self.bin / "pip").write_text(f'#!/bin/sh\nexec "{self.bin}/python" -m pip "$@"\n')
        (self.bin / "pip").chmod(0o755)
        self("pip", "wheel", "-q", "--no-deps", "-w", self.wheels, ROOT, *(ROOT / "plugins").iterdir())
        self("pip", "install", "-q", *self.wheels.glob("flashbench-*.whl"))

    def __call__(self, *arguments: object) -> str:
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment |= {
            "PATH": f"{self.bin}:{environment['PATH']}",
            "COLUMNS": "200",
            "PIP_NO_INDEX": "1",  # what the wheels require is there, or this fails
            "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say: without isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            list(map(str, arguments)), cwd=self.work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def with_extras(self):
        """What the extras of flashbench require is there, too."""
        path = self.site / "heavy.pth"
        path.write_text(f"{self.heavy}\n")
        try:
            yield
        finally:
            path.unlink()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp("fresh"))
    write_events(environment.work / "events.root", [nanoaod_events(300, seed=1)])
    return environment


def files(environment):
    return {path for path in environment.site.rglob("*") if "__pycache__" not in path.parts}


def test_template_installs_from_its_wheel_works_without_torch_and_leaves_no_trace(fresh):
    before = files(fresh)
    fresh("pip", "install", "-q", *fresh.wheels.glob("flashbench_smear-*.whl"))
    script = "import flashbench, importlib.util as u; print(flashbench.__file__, u.find_spec('torch'))"
    where, torch = fresh("python", "-c", script).split()
    assert where.startswith(str(fresh.site))
    assert torch == "None"
    assert "flashbench_smear" in fresh("flashbench", "plugins")
    fresh("flashbench", "run", "--sim", "smear", "--input", "events.root", "--out", "wheel-runs")
    assert "0 broken" in fresh("flashbench", "check", "smear")
    fresh("pip", "uninstall", "-q", "-y", "flashbench-smear")
    assert files(fresh) == before
    assert "smear" not in fresh("flashbench", "simulators")
    assert "smear" not in fresh("flashbench", "plugins")


@pytest.mark.parametrize("name", ["delphes", "flowmatch"])  # smear's are the tutorial's
def test_shipped_plugin_passes_its_own_tests_from_its_wheel(fresh, name):
    with fresh.with_extras() if name == "flowmatch" else nullcontext():
        fresh("pip", "install", "-q", *fresh.wheels.glob(f"flashbench_{name}-*.whl"))
        folder = ROOT / "plugins" / f"flashbench-{name}"
        assert " passed" in fresh("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder)
        fresh("pip", "uninstall", "-q", "-y", f"flashbench-{name}")


def test_tutorial_works_as_it_is_written(fresh):
    blocks = BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))
    assert len(blocks) > 10
    told = {}
    for language, title, text in blocks:
        path = fresh.work / title
        if language == "bash":
            for command in text.strip().splitlines():
                told[command] = fresh("bash", "-euo", "pipefail", "-c", command)
        elif path.exists():  # what `plugin new` wrote is what the page shows
            assert path.read_text(encoding="utf-8") == text, title
        else:
            assert title.endswith(".toml")
            path.write_text(text, encoding="utf-8")
    assert "0 broken" in told["flashbench check smear"]
    assert (fresh.work / "comparison" / "report.html").exists()
    shown = {title for _, title, _ in blocks if title.startswith("flashbench-smear")}
    written = set((fresh.work / "flashbench-smear").rglob("*.py")) | set(
        (fresh.work / "flashbench-smear").rglob("*.toml")
    )
    assert {str(path.relative_to(fresh.work)) for path in written} == shown


def test_every_plugin_states_the_flashbench_it_is_for():
    found = list((ROOT / "plugins").glob("*/pyproject.toml"))
    assert found
    for path in found:
        requirements = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
        assert any(re.fullmatch(r"flashbench(\[\w+\])?>=0\.1,<0\.2", r) for r in requirements), path
