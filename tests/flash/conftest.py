"""A toy sample and untrained weights for it."""

import pytest

from flash.toy_detector import toy_events
from flash.untrained import write_untrained
from flashbench.nanoaod import write_events
from flashbench.simulators.flash.networks import Networks
from flashbench.training.extraction import extract


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory):
    """4000 events of the toy detector."""
    path = tmp_path_factory.mktemp("toy") / "toy.root"
    write_events(path, [toy_events(2000, seed=1), toy_events(2000, seed=2, first_event=2001)])
    return path


@pytest.fixture(scope="session")
def untrained(toy_file, tmp_path_factory):
    """Folder of untrained weights."""
    return write_untrained(extract([str(toy_file)]), tmp_path_factory.mktemp("weights") / "untrained")


@pytest.fixture(scope="session")
def networks(untrained):
    """The networks in it."""
    return Networks.load(untrained)
