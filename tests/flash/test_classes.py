"""Target transforms by class: what is calibrated together is right for each class apart."""

import numpy as np
import pytest

from flashbench.simulators.flash.classes import FEWEST_ROWS, ByClass
from flashbench.simulators.flash.feature import Feature
from flashbench.simulators.flash.transforms import RankGaussian

FEATURES = (Feature("a"), Feature("b", low=0.0))
ROWS = 3 * FEWEST_ROWS


@pytest.fixture(scope="module")
def sample():
    """Labels, values, transform and latents of two common classes at different places and a rare one."""
    rng = np.random.default_rng(3)
    labels = np.repeat([1.0, 5.0, 9.0], (ROWS, ROWS, FEWEST_ROWS - 1))
    place = np.select([labels == 1, labels == 5], [0.0, 2.0], -3.0)
    values = np.column_stack([place + rng.standard_normal(len(labels)), rng.exponential(1 + labels)])
    rank = RankGaussian.fit(values, FEATURES)
    latent = rank.forward(values, rng.random(values.shape))
    return labels, values, rank, latent


def off_by(sample):
    """Draws of a flow that is off in opposite directions."""
    labels, _, _, latent = sample
    return (latent + np.select([labels == 1, labels == 5], [0.2, -0.2], 0.0)[:, None]).astype(np.float32)


def test_every_class_has_the_distribution_of_its_training(sample):
    labels, values, rank, latent = sample
    drawn = off_by(sample)
    together = ByClass(rank).calibrated(drawn, latent, values).inverse(drawn, labels)
    apart = ByClass(rank).calibrated(drawn, latent, values, (labels, labels)).inverse(drawn, labels)
    for label in (1.0, 5.0):
        rows = labels == label
        want = np.quantile(values[rows], [0.1, 0.5, 0.9], axis=0)
        np.testing.assert_allclose(np.quantile(apart[rows], [0.1, 0.5, 0.9], axis=0), want, atol=0.05, rtol=0.02)
        assert abs(np.median(together[rows, 0]) - want[1, 0]) > 0.1


def test_a_rare_class_and_one_that_was_never_seen_take_the_transform_of_all(sample):
    labels, values, rank, latent = sample
    drawn = off_by(sample)
    made = ByClass(rank).calibrated(drawn, latent, values, (labels, labels))
    assert set(made.parts) == {1.0, 5.0}
    for label in (9.0, 77.0):
        got = made.inverse(drawn[:50], np.full(50, label))
        np.testing.assert_array_equal(got, made.whole.inverse(drawn[:50]))


def test_without_classes_it_is_the_transform_of_all(sample):
    _, values, rank, latent = sample
    made = ByClass(rank).calibrated(latent, latent, values)
    np.testing.assert_array_equal(made.inverse(latent), made.whole.inverse(latent))


def test_a_row_does_not_depend_on_those_beside_it_nor_on_the_disk(sample):
    labels, values, rank, latent = sample
    drawn = off_by(sample)
    made = ByClass(rank).calibrated(drawn, latent, values, (labels, labels))
    loaded = ByClass.from_tensors(made.tensors(), FEATURES)
    every = made.inverse(drawn, labels)
    np.testing.assert_array_equal(loaded.inverse(drawn, labels), every)
    np.testing.assert_array_equal(made.inverse(drawn[::7], labels[::7]), every[::7])
