"""Examples in docstrings give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import flashbench.compare
import flashbench.stats

MODULES = [
    "flashbench.storage",
    *(
        module.name
        for package in (flashbench.stats, flashbench.compare)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) >= 5
