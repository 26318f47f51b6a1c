"""Error bands of ROC curves: any tagger and pair of flavours, errors that know the events."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from flashbench.errors import StatisticsError
from flashbench.stats import event_keys, flavours, mistag_ratio, roc_area, roc_band, roc_curve
from flashbench.stats.bands import Scored

AT = (0.5, 0.8)


def jets(seed: int, run: int = 1, events: int = 400, noise: float = 0.3) -> tuple[np.ndarray, ...]:
    """Scores, flavours and keys of three jets an event that share a shift of their scores."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(events), 3)
    flavour = rng.choice([5, -5, 4, 1, -2, 21], event.size)
    score = (np.abs(flavour) == 5) * 1.5 + rng.normal(0, 0.5, events)[event] + rng.normal(0, 1, event.size)
    again = np.random.default_rng([seed, 7]).normal(0, noise, event.size)
    return score + again, flavour, event_keys(np.full(event.size, run), event, event)


@pytest.mark.parametrize(
    ("signal", "background"), [((5,), (1, 2, 3, 21)), ((5,), (4,)), ((4,), (1, 2, 3)), ((1, 2), (21,))]
)
def test_any_pair_of_flavours_is_that_of_a_selection_by_hand(signal, background):
    score, flavour, keys = jets(1)
    weights = np.random.default_rng(2).uniform(0.5, 2, score.size)
    chosen = flavours(score, flavour, keys, signal=signal, background=background, weights=weights)
    one, two = (np.isin(np.abs(flavour), codes) for codes in (signal, background))
    by_hand = roc_curve(score[one], score[two], weights[one], weights[two])
    assert_allclose(roc_band(chosen, AT, replicas=3).area, by_hand.area)
    assert_allclose(roc_band(chosen, AT, replicas=3).mistag, [by_hand.background_at(each) for each in AT])
    assert_allclose(by_hand.area, roc_area(score[one], score[two], weights[one], weights[two]).value)


def test_the_band_and_the_area_cover_where_jets_of_an_event_are_correlated():
    pulls, areas = [], []
    truth = roc_band(_b_jets(99, events=200_000), AT, replicas=2)
    for toy in range(120):
        band = roc_band(_b_jets(toy, run=toy), AT, replicas=60)
        pulls.append((band.mistag - truth.mistag) / band.errors)
        areas.append((band.area - truth.area) / band.area_error)
    assert_allclose(np.std(pulls, axis=0), 1, atol=4 / np.sqrt(2 * 120))
    assert np.std(areas) == pytest.approx(1, abs=4 / np.sqrt(2 * 120))


def _b_jets(seed: int, run: int = 1, events: int = 400, noise: float = 0.3) -> Scored:
    return flavours(*jets(seed, run, events, noise), signal=(5,), background=(1, 2, 3, 21))


def test_the_ratio_of_two_simulators_of_the_same_events_has_the_smaller_paired_error():
    pulls, errors = [], []
    for toy in range(100):
        score, flavour, keys = jets(toy, run=toy)
        other = score + np.random.default_rng([toy, 1]).normal(0, 0.2, score.size)
        one, two = (
            flavours(each, flavour, keys, signal=(5,), background=(1, 2, 3, 21))
            for each in (score + np.random.default_rng([toy, 2]).normal(0, 0.2, score.size), other)
        )
        ratio = mistag_ratio(one, two, AT, replicas=60)
        pulls.append((ratio.value - 1) / ratio.error)
        bands = roc_band(one, AT, replicas=60), roc_band(two, AT, replicas=60)
        naive = np.hypot(*(band.errors / band.mistag for band in bands))
        errors.append(ratio.error / naive)
    assert_allclose(np.std(pulls, axis=0), 1, atol=4 / np.sqrt(2 * 100))
    assert (np.median(errors, axis=0) < 0.8).all()


def test_a_simulator_against_itself_is_one_without_error():
    ratio = mistag_ratio(_b_jets(3), _b_jets(3), AT, replicas=20)
    assert_array_equal(ratio.value, 1)
    assert_allclose(ratio.error, 0, atol=1e-12)


def test_the_band_of_two_gaussians_is_the_curve_of_theory():
    rng = np.random.default_rng(5)
    score, flavour = rng.normal(size=40_000), np.repeat([5, 0], 20_000)
    score[:20_000] += 1
    band = roc_band(flavours(score, flavour, np.arange(40_000), signal=(5,), background=(0,)), AT, replicas=40)
    theory = stats.norm.sf(1 + stats.norm.isf(AT))
    assert_allclose(band.mistag, theory, atol=5 * band.errors.max())
    assert (band.errors < 0.01).all()


SCORE, FLAVOUR, KEYS = [1.0, 0.0, 2.0], [5, 0, 4], [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: flavours(SCORE, FLAVOUR[:2], KEYS, signal=(5,), background=(0,)), "do not fit"),
        (lambda: flavours(SCORE, FLAVOUR, KEYS, signal=(5,), background=(5, 0)), "both signal and background"),
        (lambda: flavours(SCORE, FLAVOUR, KEYS, signal=(15,), background=(0,)), "no signal"),
        (lambda: flavours(SCORE, FLAVOUR, KEYS, signal=(5,), background=(21,)), "no background"),
        (lambda: roc_band(flavours(SCORE, FLAVOUR, KEYS, signal=(5,), background=(0,)), AT, 1), "too few"),
        (lambda: roc_band(flavours([np.nan, 0.0, 1], FLAVOUR, KEYS, signal=(5,), background=(0,)), AT), "NaN"),
        (
            lambda: roc_band(flavours(SCORE, FLAVOUR, KEYS, signal=(5,), background=(0,), weights=[-1.0, 1, 1])),
            "negative",
        ),
        (lambda: roc_band(_b_jets(1), [1.5], 3), "not an efficiency"),
        (
            lambda: mistag_ratio(*[flavours([2.0, 0], [5, 0], [1, 2], signal=(5,), background=(0,))] * 2, [0.5]),
            "nothing",
        ),
    ],
)
def test_undefined_input_is_a_statistics_error(call, said):
    with pytest.raises(StatisticsError, match=said):
        call()
