"""Fixtures: small NanoAOD files made on the spot, and the real ones where they are."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from flashbench.nanoaod import write_events
from refined.toy_tiers import toy_tiers
from samples import nanoaod_events

REAL_DATA = "FLASHBENCH_REAL_DATA"

LONGEST = (  # a minute or two each; begun last, one of them would keep one process waiting for the other
    "plugins/test_wheels.py",
    "docs/test_docs.py",
    "refined/test_grid.py",
    "refined/test_validation.py",
    "refined/test_monitor_browser.py",
    "test_cli.py",
)

settings.register_profile("flashbench", deadline=None)  # a busy machine is not a fault of the code
settings.load_profile("flashbench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the others as they were."""
    place = {Path(__file__).parent / name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real CMS files."""
    if not os.environ.get(REAL_DATA):
        pytest.skip(f"{REAL_DATA} is not set: no real CMS files to read")
    return Path(os.environ[REAL_DATA])


@pytest.fixture(scope="session")
def nanoaod_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 synthetic events with generator and reconstructed columns."""
    path = tmp_path_factory.mktemp("nanoaod") / "events.root"
    write_events(path, [nanoaod_events(250, seed=1), nanoaod_events(250, seed=2, first_event=251)])
    return path


@pytest.fixture(scope="session")
def tiers(tmp_path_factory):
    """Files of the fast and the full tier, 1500 events."""
    folder = tmp_path_factory.mktemp("tiers")
    blocks = [toy_tiers(750, seed=1), toy_tiers(750, seed=2, first_event=751)]
    paths = []
    for k, name in enumerate(("fast", "full")):
        paths.append(folder / f"{name}.root")
        write_events(paths[-1], [pair[k] for pair in blocks])
    return tuple(paths)
