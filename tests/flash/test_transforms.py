"""Rank-Gaussian and condition transforms: exact inverses, physical values for any latent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

from flashbench.errors import SchemaError, SimulationError
from flashbench.simulators.flash.feature import Feature, Scale
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS, MUON_CONDITIONS, MUON_TARGETS
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.transforms import RankGaussian

TABLES = {"jets": JET_TARGETS, "muons": MUON_TARGETS}


def sample_column(feature, rows, rng):
    """A spiky column of any feature: discrete values, special values, rounded and smooth parts."""
    if feature.values:
        return rng.choice(feature.values, rows, p=rng.dirichlet(np.ones(len(feature.values))))
    if feature.is_discrete:
        return feature.restrict(rng.poisson(0.7 if feature.high == 1 else 20, rows).astype(float))
    smooth = rng.normal(0.3, 0.3, rows)
    smooth[: rows // 3] = np.round(smooth[: rows // 3], 2)
    if feature.special:
        smooth[rng.random(rows) < 0.2] = feature.special[0]
    return feature.restrict(rng.permutation(smooth))


def sample(features, rows=4000, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([sample_column(f, rows, rng) for f in features])


@pytest.fixture(scope="module", params=list(TABLES))
def fitted(request):
    features = TABLES[request.param]
    columns = sample(features)
    return features, columns, RankGaussian.fit(columns, features)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_inverse_undoes_forward(fitted, seed):
    """Discrete and special values come back exactly, continuous ones to float32 accuracy."""
    features, columns, rank = fitted
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(columns), 300)
    back = rank.inverse(rank.forward(columns[rows], rng.random((300, len(features)))))
    for j, feature in enumerate(features):
        if feature.is_discrete:
            assert_array_equal(back[:, j], columns[rows, j])
        special = np.isin(columns[rows, j], feature.special)
        assert_array_equal(back[special, j], columns[rows, j][special])
    assert_allclose(back, columns[rows], rtol=1e-4, atol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.1, 1.0, 3.0, 10.0, 1e6]))
@settings(max_examples=30)
def test_any_latent_gives_allowed_values(fitted, seed, size):
    features, _, rank = fitted
    latent = np.random.default_rng(seed).normal(0, size, (200, len(features))).astype(np.float32)
    latent[0], latent[1] = 10.0, -10.0
    values = rank.inverse(latent)
    for j, feature in enumerate(features):
        assert feature.allows(values[:, j]).all(), feature.name


def test_the_latents_of_the_training_sample_are_standard_normal(fitted):
    features, columns, rank = fitted
    latent = rank.forward(columns, np.random.default_rng(1).random(columns.shape))
    for j, feature in enumerate(features):
        assert kstest(latent[:, j], "norm").pvalue > 1e-4, feature.name


def test_normal_noise_gives_the_training_distribution(fitted):
    """Frequencies of atoms within counting noise, the rest by its quantiles."""
    features, columns, rank = fitted
    values = rank.inverse(np.random.default_rng(2).normal(size=(40_000, len(features))).astype(np.float32))
    for j, feature in enumerate(features):
        if feature.is_discrete or feature.special:
            atoms = np.unique(columns[:, j]) if feature.is_discrete else np.array(feature.special)
            for atom in atoms:
                assert_allclose(np.mean(values[:, j] == atom), np.mean(columns[:, j] == atom), atol=0.01)
        spread = columns[:, j].std() + 1e-9
        gap = np.abs(np.sort(values[::10, j]) - np.sort(columns[:, j])).mean()
        assert gap / spread < 0.06, feature.name


def test_a_discrete_value_that_training_lacks_is_never_made():
    features = [f for f in JET_TARGETS if f.name == "puId"] * 1
    rank = RankGaussian.fit(np.array([[4.0], [7.0], [4.0]]), features)
    values = rank.inverse(np.random.default_rng(0).normal(size=(1000, 1)))
    assert set(values[:, 0]) == {4.0, 7.0}


def test_values_outside_the_declared_range_are_restricted_on_the_way_in():
    features = [f for f in JET_TARGETS if f.name == "jetId"]
    rank = RankGaussian.fit(np.array([[1.0], [5.0], [-3.0], [2.0]]), features)
    assert set(rank.inverse(np.linspace(-9, 9, 99)[:, None])[:, 0]) <= {0.0, 2.0, 6.0}


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_tiny_training_sample_still_has_an_inverse(rows):
    columns = sample(JET_TARGETS, rows)
    rank = RankGaussian.fit(columns, JET_TARGETS)
    assert_allclose(rank.inverse(rank.forward(columns, np.full(columns.shape, 0.5))), columns, atol=1e-5)


def test_tables_survive_storage_and_stay_small(fitted):
    features, _, rank = fitted
    tensors = rank.tensors()
    assert sum(t.nbytes for t in tensors.values()) < 2**20
    latent = np.random.default_rng(3).normal(size=(500, len(features))).astype(np.float32)
    assert_array_equal(RankGaussian.from_tensors(tensors, features).inverse(latent), rank.inverse(latent))


def test_a_latent_that_is_not_finite_is_refused(fitted):
    features, _, rank = fitted
    with pytest.raises(SimulationError, match="not finite"):
        rank.inverse(np.full((3, len(features)), np.nan, np.float32))


def test_no_rows_and_wrong_shapes_are_refused():
    with pytest.raises(SchemaError, match="no rows"):
        RankGaussian.fit(np.empty((0, 17)), JET_TARGETS)
    with pytest.raises(SchemaError, match="does not fit"):
        RankGaussian.fit(np.ones((5, 3)), JET_TARGETS)


def conditions(features, rows=2000, seed=5):
    rng = np.random.default_rng(seed)
    columns = rng.normal(0, 1, (rows, len(features)))
    for j, feature in enumerate(features):
        if feature.scale is Scale.LOG:
            columns[:, j] = rng.exponential(40, rows)
        elif feature.values:
            columns[:, j] = rng.choice(feature.values, rows)
        elif feature.scale is Scale.FLAG:
            columns[:, j] = rng.integers(0, 2, rows)
    return columns


@pytest.mark.parametrize("features", [JET_CONDITIONS, MUON_CONDITIONS], ids=["jets", "muons"])
def test_network_inputs_are_finite_and_bounded_for_any_condition(features):
    standardise = Standardise.fit(conditions(features), features)
    wild = conditions(features) * np.random.default_rng(6).choice([0, 1, -1e9, 1e9], (2000, len(features)))
    inputs = standardise.forward(wild)
    assert inputs.shape == (2000, standardise.inputs)
    assert np.abs(inputs).max() <= 8.0


def test_each_flavour_lights_one_input():
    flavours = [feature for feature in JET_CONDITIONS if feature.name == "parton_flavour"]
    columns = np.tile([0.0, -1, 2, 3, -4, 5, 21, 99], 250)[:, None]
    inputs = Standardise.fit(columns, flavours).forward(columns)
    assert_array_equal(inputs.sum(axis=1), 1)
    assert_array_equal(inputs.argmax(axis=1), np.tile([0, 1, 2, 3, 4, 5, 6, 0], 250))


def test_a_logarithm_is_linear_below_its_unit():
    """Standardised inputs of 1, 2 and 3 GeV are evenly spaced if the unit is 100 GeV, not if it is 1 GeV."""
    for unit, even in ((100.0, True), (1.0, False)):
        feature = Feature("ht", low=0.0, scale=Scale.LOG, unit=unit)
        column = np.linspace(0, 400, 401)[:, None]
        steps = np.diff(Standardise.fit(column, [feature]).forward(column)[1:4, 0])
        assert (abs(steps[1] / steps[0] - 1) < 0.02) == even


def test_an_edge_of_the_detector_is_a_step_and_rings_are_ramps():
    """η, |η|, then at |η| of 2.5 a flag, lines from 2.35 to 2.65 and on to 2.75."""
    feature = Feature("eta", low=-5.0, high=5.0, scale=Scale.ETA, edges=(2.5,), knots=(2.35, 2.65, 2.75))
    column = np.append(np.linspace(-5, 5, 1001), [2.3, 2.35, 2.45, 2.55, 2.65, 2.7, -2.45])[:, None]
    inputs = Standardise.fit(column, [feature]).forward(column)
    assert inputs.shape == (len(column), 5)
    step, ramp, further = ((row - row.min()) / (row.max() - row.min()) for row in inputs[-7:, 2:].T)
    assert_allclose(step, [0, 0, 0, 1, 1, 1, 0], atol=1e-6)
    assert_allclose(ramp, [0, 0, 1 / 3, 2 / 3, 1, 1, 1 / 3], atol=1e-5)
    assert_allclose(further, [0, 0, 0, 0, 0, 1, 0], atol=1e-5)
    without = Standardise.fit(column, [replace(feature, knots=())]).forward(column)
    assert_array_equal(without, inputs[:, :3])


def test_a_momentum_beyond_training_counts_as_the_edge_and_is_counted():
    columns = conditions(JET_CONDITIONS)
    standardise = Standardise.fit(columns, JET_CONDITIONS)
    beyond, pt = columns[:3].copy(), [f.name for f in JET_CONDITIONS].index("gen_pt")
    beyond[0, pt] = 1e6
    edge = beyond.copy()
    edge[0, pt] = columns[:, pt].max()
    assert standardise.outside(beyond) == {"gen_pt": 1}
    assert_array_equal(standardise.forward(beyond), standardise.forward(edge))
    stored = Standardise.from_tensors(standardise.tensors(), JET_CONDITIONS)
    assert_array_equal(stored.forward(columns), standardise.forward(columns))
