"""Workspaces, significance, limits, toys and binning."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from stats_fit_models import BACKGROUNDS, CHANNELS, SIGNAL, model, templates

from flashbench.errors import StatisticsError
from flashbench.stats import fit
from flashbench.stats.fit import Shape, Template, automatic_edges, expected_limit, significance, toys, workspace
from flashbench.stats.likelihood import Likelihood

TOTAL = sum(BACKGROUNDS.values())


def test_a_workspace_is_valid_for_pyhf_and_survives_json():
    pyhf = pytest.importorskip("pyhf")
    content = json.loads(json.dumps(model(), allow_nan=False))
    loaded = pyhf.Workspace(content)
    assert sorted(loaded.channels) == ["SB", "SR"]
    assert_allclose(loaded.observations["SR"], (SIGNAL + TOTAL)[:6])
    assert loaded.model().config.poi_name == "mu"


def test_diagonal_template_errors_are_those_of_staterror():
    """The standard one-parameter-a-bin treatment of pyhf, to its own accuracy."""
    pyhf = pytest.importorskip("pyhf")
    content = model(shapes=[], luminosity=0.0)
    standard = model(shapes=[], luminosity=0.0, template_errors=False)
    start = 0
    for channel in standard["channels"]:
        width = CHANNELS[channel["name"]]
        for sample in channel["samples"]:
            errors = np.sqrt(np.diagonal(templates()[sample["name"]].covariance))[start : start + width]
            modifier = {"name": f"stat_{channel['name']}", "type": "staterror", "data": errors.tolist()}
            sample["modifiers"].append(modifier)
        start += width
    data = np.random.default_rng(5).poisson(Likelihood.of(content).expected()[0])
    their = pyhf.Workspace(standard).model()
    aligned = {"SR": data[:6], "SB": data[6:]}
    everything = np.concatenate([*(aligned[c] for c in their.config.channels), their.config.auxdata])
    fitted = pyhf.infer.mle.fit(everything, their)
    assert_allclose(Likelihood.of(content).fit(data).strength[0], fitted[their.config.poi_index], atol=2e-3)


def test_principal_axes_add_up_to_the_covariance():
    likelihood = Likelihood.of(model(templates=templates(0.1, 0.8)))
    axes = [number for number, name in enumerate(likelihood.names[1:]) if name.startswith("template_")]
    shifts = likelihood.shifts[axes].sum(axis=1)
    assert_allclose(shifts.T @ shifts, np.sum([t.covariance for t in templates(0.1, 0.8).values()], axis=0), rtol=1e-9)


def test_template_errors_lower_the_significance_and_correlated_ones_more():
    """One parameter a bin would call correlated bins independent, and promise too much."""
    none, free, bound = (
        significance(Likelihood.of(content))[0]
        for content in (
            model(template_errors=False),
            model(templates=templates(0.15)),
            model(templates=templates(0.15, 0.9)),
        )
    )
    assert free < none
    assert bound != free


def test_significance_without_uncertainties_is_the_textbook_formula():
    one = {"signal": Template(np.array([12.0]), np.zeros((1, 1))), "b": Template(np.array([50.0]), np.zeros((1, 1)))}
    found = significance(Likelihood.of(workspace(one, {"SR": 1}, "signal")))[0]
    assert_allclose(found, np.sqrt(2 * (62 * np.log(62 / 50) - 12)), rtol=1e-6)


def test_limit_is_pyhfs():
    pyhf = pytest.importorskip("pyhf")
    two = {
        "signal": Template(np.array([8.0, 4.0]), np.diag([0.1, 0.1])),
        "b": Template(np.array([60.0, 10.0]), np.diag([9.0, 1.0])),
    }
    content = workspace(two, {"SR": 2}, "signal", normalisation={"b": 0.1})
    content["measurements"][0]["config"]["parameters"][0]["bounds"] = [[0, 10]]
    their = pyhf.Workspace(content).model()
    data = [60.0, 10.0, *their.config.auxdata]
    _, band = pyhf.infer.intervals.upper_limits.upper_limit(data, their)
    assert_allclose(expected_limit(Likelihood.of(content)), float(band[2]), rtol=3e-3)


def test_pulls_of_toys_are_of_unit_width_and_centred():
    likelihood = Likelihood.of(model(templates=templates(0.05, scale=20.0)))
    data, centres = toys(likelihood, 1500, np.random.default_rng(6))
    fitted = likelihood.fit(data, centres=centres)
    assert fitted.converged.all()
    pulls = (fitted.strength - 1) / fitted.strength_error
    assert abs(pulls.std() - 1) < 0.06  # three errors of a width from 1500
    assert abs(pulls.mean()) < 0.1


def test_more_precise_templates_measure_the_strength_better():
    errors = [Likelihood.of(model(templates=templates(r))) for r in (0.02, 0.1, 0.3)]
    widths = [each.fit(each.expected()).strength_error[0] for each in errors]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_limit_grows_as_the_signal_shrinks():
    small = templates()
    small["signal"] = Template(SIGNAL / 10, small["signal"].covariance / 100)
    normal, weak = (expected_limit(Likelihood.of(model(templates=t))) for t in (templates(), small))
    assert weak > 8 * normal


def test_a_bin_without_background_is_refused_by_name():
    empty = templates()
    values = BACKGROUNDS["dy2j"].copy()
    for name in BACKGROUNDS:
        values = BACKGROUNDS[name].copy()
        values[7] = 0.0
        empty[name] = Template(values, np.diag(values))
    with pytest.raises(StatisticsError, match="bin 1 of SB"):
        model(templates=empty)


def test_unknown_samples_are_refused():
    with pytest.raises(StatisticsError, match="no template of 'zz'"):
        model(normalisation={"zz": 0.1})
    with pytest.raises(StatisticsError, match="no template of 'qq'"):
        model(shapes=[Shape("s", "qq", np.ones(9))])
    with pytest.raises(StatisticsError, match="do not fit signal 'hmm'"):
        workspace(templates(), CHANNELS, "hmm")


def test_a_fit_that_pyhf_does_not_share_is_an_error(monkeypatch):
    pytest.importorskip("pyhf")
    monkeypatch.setattr(fit, "_SAME", -1.0)
    with pytest.raises(StatisticsError, match="in pyhf"):
        fit.check_with_pyhf(model(), SIGNAL + TOTAL)


FINE = np.linspace(0, 8, 201)


def fine_templates(scale=1.0, error=0.01):
    centres = (FINE[1:] + FINE[:-1]) / 2
    signal = np.exp(-(((centres - 3) / 1.2) ** 2))
    values = scale * 400 * np.exp(-1.5 * centres)
    return signal, Template(values, np.diag((error * values) ** 2))


@given(bins=st.integers(1, 20), minimum=st.floats(0.1, 30), scale=st.floats(0.2, 5))
def test_automatic_bins_hold_the_background_asked_for(bins, minimum, scale):
    signal, background = fine_templates(scale)
    edges = automatic_edges(FINE, signal, [background], bins=bins, minimum=minimum, relative_error=0.3)
    assert edges[0] == FINE[0]
    assert edges[-1] == FINE[-1]
    assert 1 <= len(edges) - 1 <= bins
    content = [background.values[(FINE[:-1] >= a) & (FINE[:-1] < b)].sum() for a, b in pairwise(edges)]
    assert min(content) >= minimum * (1 - 1e-9)


def test_automatic_bins_share_out_the_signal():
    signal, background = fine_templates(scale=1e6)
    edges = automatic_edges(FINE, signal, [background], bins=10, minimum=1.0, relative_error=0.3)
    shares = [signal[(FINE[:-1] >= a) & (FINE[:-1] < b)].sum() for a, b in pairwise(edges)]
    assert len(shares) >= 8
    assert min(shares[1:]) >= signal.sum() / 10 * (1 - 1e-9)


def test_automatic_bins_grow_where_templates_are_poor_in_any_simulator():
    signal, good = fine_templates()
    poor = Template(good.values, np.diag((0.8 * good.values) ** 2))
    many = automatic_edges(FINE, signal, [good], bins=12, minimum=1.0, relative_error=0.3)
    few = automatic_edges(FINE, signal, [good, poor], bins=12, minimum=1.0, relative_error=0.3)
    assert len(few) < len(many)


def test_folds_count_their_correlation_in_the_error_of_a_bin():
    """Folds of one event in neighbouring fine bins are not independent: their errors add up linearly."""
    signal, good = fine_templates()
    errors = 0.5 * good.values
    independent, bound = Template(good.values, np.diag(errors**2)), Template(good.values, np.outer(errors, errors))
    automatic_edges(FINE, signal, [independent], bins=3, minimum=1.0, relative_error=0.3)
    with pytest.raises(StatisticsError, match="known to 30%"):
        automatic_edges(FINE, signal, [bound], bins=3, minimum=1.0, relative_error=0.3)
