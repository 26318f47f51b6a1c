"""The fast likelihood is pyhf's, and its minimum is one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from stats_fit_models import BACKGROUNDS, SIGNAL, model, templates

from flashbench.errors import StatisticsError
from flashbench.stats.fit import check_with_pyhf, toys
from flashbench.stats.likelihood import Likelihood

pyhf = pytest.importorskip("pyhf")
# exponential normalisation, as here; pyhf's default differs from it by 1e-6 within one σ
SETTINGS = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}


def pyhf_model(content):
    return pyhf.Workspace(content).model(modifier_settings=SETTINGS)


def channelwise(contents, their):
    """Bins in the order of pyhf's channels."""
    return np.concatenate([{"SR": contents[:6], "SB": contents[6:]}[name] for name in their.config.channels])


def in_their_order(likelihood, their, values):
    """Parameter values in the order of pyhf's names."""
    return [values[likelihood.names.index(name)] for name in their.config.par_names]


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_rates_and_likelihood_are_pyhfs_at_any_parameters(correlation):
    content = model(templates=templates(0.1, correlation))
    own, their = Likelihood.of(content), pyhf_model(content)
    assert set(own.names) == set(their.config.par_names)
    rng = np.random.default_rng(1)
    data = rng.poisson(own.expected()[0]).astype(float)
    everything = np.concatenate([channelwise(data, their), their.config.auxdata])
    origin = None
    for _ in range(5):
        values = np.r_[rng.uniform(0, 3), rng.normal(0, 0.7, len(own.names) - 1)]
        theirs = in_their_order(own, their, values)
        rates = own.expected(values)[0]
        assert_allclose(channelwise(rates, their), their.expected_data(theirs, include_auxdata=False))
        ours = 2 * np.sum(rates - data * np.log(rates)) + np.sum(values[1:] ** 2)
        full = -2 * float(np.asarray(their.logpdf(theirs, everything)).item())
        origin = full - ours if origin is None else origin
        assert_allclose(full - ours, origin, atol=1e-7)


def test_a_fit_is_pyhfs():
    content = model()
    data = np.random.default_rng(2).poisson(Likelihood.of(content).expected()[0])
    found = check_with_pyhf(content, data)
    assert_allclose(found["strength"], found["strength_pyhf"], atol=1e-3)
    assert_allclose(found["significance"], found["significance_pyhf"], atol=1e-3)
    assert abs(found["strength"] - 1) > 0.01


def test_errors_are_the_curvature_of_the_profile():
    likelihood = Likelihood.of(model())
    data = np.random.default_rng(3).poisson(likelihood.expected()[0]).astype(float)
    best = likelihood.fit(data)
    step = 0.05 * best.strength_error[0]
    around = [likelihood.fit(data, strength=float(best.strength[0] + k * step)).twice_nll[0] for k in (-1, 0, 1)]
    curvature = (around[0] - 2 * around[1] + around[2]) / step**2
    assert_allclose(best.strength_error[0], np.sqrt(2 / curvature), rtol=1e-3)


def test_its_own_asimov_data_give_a_strength_of_one():
    for correlation in (0.0, 0.7):
        likelihood = Likelihood.of(model(templates=templates(0.1, correlation)))
        fit = likelihood.fit(likelihood.expected())
        assert_allclose(fit.strength, 1.0, atol=1e-6)
        assert_allclose(fit.values[:, 1:], 0.0, atol=1e-6)


def test_many_data_sets_are_fitted_as_one_by_one():
    likelihood = Likelihood.of(model())
    data, centres = toys(likelihood, 20, np.random.default_rng(4))
    together = likelihood.fit(data, centres=centres)
    assert together.converged.all()
    for row in (0, 7, 19):
        alone = likelihood.fit(data[row], centres=centres[row : row + 1])
        assert_allclose(alone.values[0], together.values[row], atol=1e-5)
        assert_allclose(alone.twice_nll[0], together.twice_nll[row], atol=1e-7)


def test_templates_of_each_set_replace_the_models():
    likelihood = Likelihood.of(model())
    scaled = np.stack([likelihood.nominal, likelihood.nominal * 1.3])
    fit = likelihood.fit(likelihood.expected(), nominal=scaled)
    assert_allclose(fit.strength[0], 1.0, atol=1e-6)
    assert fit.twice_nll[1] > fit.twice_nll[0] + 1
    same = likelihood.fit(likelihood.expected(nominal=scaled), nominal=scaled)
    assert_allclose(same.strength, 1.0, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.5])
def test_a_known_strength_is_found_back(strength):
    likelihood = Likelihood.of(model())
    values = np.zeros((1, len(likelihood.names)))
    values[:, 0] = strength
    assert_allclose(likelihood.fit(likelihood.expected(values)).strength, strength, atol=1e-5)


def test_a_fixed_strength_stays_and_has_no_error():
    likelihood = Likelihood.of(model())
    fit = likelihood.fit(likelihood.expected(), strength=0.0)
    assert fit.strength == 0.0
    assert fit.strength_error == 0.0
    assert fit.twice_nll > likelihood.fit(likelihood.expected()).twice_nll


def test_without_uncertainties_the_error_is_that_of_the_poisson_likelihood():
    content = model(normalisation={}, luminosity=0.0, shapes=[], template_errors=False)
    likelihood = Likelihood.of(content)
    assert likelihood.names == ("mu",)
    total = SIGNAL + sum(BACKGROUNDS.values())
    fit = likelihood.fit(total)
    assert_allclose(fit.strength_error, 1 / np.sqrt(np.sum(SIGNAL**2 / total)), rtol=1e-6)


def test_what_it_cannot_model_is_refused():
    for kind, data, words in (
        ("staterror", [0.1] * 6, "is a staterror"),
        ("normsys", {"hi": 1.1, "lo": 0.9}, "not symmetric"),
        ("histosys", {"hi_data": [2.0] * 6, "lo_data": [2.0] * 6}, "not symmetric"),
    ):
        content = model()
        content["channels"][0]["samples"][1]["modifiers"].append({"name": "other", "type": kind, "data": data})
        with pytest.raises(StatisticsError, match=words):
            Likelihood.of(content)


def test_data_that_do_not_fit_are_refused():
    likelihood = Likelihood.of(model())
    with pytest.raises(StatisticsError, match="do not fit the model"):
        likelihood.fit(np.ones(5))
    nothing = np.zeros((1, 3, 9))
    with pytest.raises(StatisticsError, match="expects nothing"):
        likelihood.fit(np.ones(9), nominal=nothing)
