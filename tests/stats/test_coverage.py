"""Coverage by a few toys; `benchmarks/coverage_toys.py` runs thousands."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage_toys.py"


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, float]]:
    """Summaries of 120 toys of 3000 events."""
    spec = importlib.util.spec_from_file_location("coverage_toys", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.run(module.Model(events=3000, folds=8), toys=120, seed=1, replicas=80)


@pytest.mark.parametrize(
    "quantity",
    [
        "upsampled yield, papers' sigma",
        "upsampled pdf, shape covariance",
        "paired ratio, analytic",
        "paired ratio, bootstrap",
        "ratio method",
        "ratio method, closure",
    ],
)
def test_errors_cover(found, quantity):
    summary = found[quantity]
    assert abs(summary["pull_width"] - 1) < 0.03 + 4 * summary["pull_width_error"]
    assert abs(summary["coverage"] - 0.6827) < 0.02 + 4 * summary["coverage_error"]
    assert summary.get("p_value_ks", 1.0) > 1e-4


@pytest.mark.parametrize(
    ("quantity", "too_large"),
    [
        ("paired ratio, independent errors (too large)", True),
        ("ratio method, independent errors (too large)", True),
        ("upsampled yield, folds taken as events (too small)", False),
    ],
)
def test_errors_that_ignore_common_events_do_not_cover(found, quantity, too_large):
    summary = found[quantity]
    away = (1 - summary["pull_width"]) / summary["pull_width_error"]
    assert away > 4 if too_large else away < -4
    assert not np.isclose(summary["coverage"], 0.6827, atol=0.03)
