"""The feature tables: sizes, ranges, and encode/decode as inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from flashbench import events
from flashbench.errors import UnknownNameError
from flashbench.simulators.flash.feature import Feature, Kind, Relation, wrap
from flashbench.simulators.flash.features import JET_CONDITIONS, JET_TARGETS, MUON_CONDITIONS, MUON_TARGETS, targets_for

TARGETS = (*JET_TARGETS, *MUON_TARGETS)
TABLES = {"Jet": (JET_CONDITIONS, JET_TARGETS), "Muon": (MUON_CONDITIONS, MUON_TARGETS)}
finite = st.floats(-1e4, 1e4, allow_nan=False)


@pytest.mark.parametrize(("collection", "conditions", "targets"), [("Jet", 14 + 17, 17), ("Muon", 30 + 6, 22)])
def test_the_tables_have_the_published_number_of_columns(collection, conditions, targets):
    """Vaselli et al.: 14 → 17 for jets, 30 → 22 for muons; those of surroundings and event are ours. Names unique."""
    table, predicted = TABLES[collection]
    assert (len(table), len(predicted)) == (conditions, targets)
    for features in (table, predicted):
        assert len({f.name for f in features}) == len(features)
    assert {f.anchor for f in predicted if f.anchor} <= {f.name for f in table}


@pytest.mark.parametrize("feature", TARGETS, ids=lambda f: f.branch)
def test_every_target_is_learned_from_a_branch_of_the_event_model(feature):
    assert feature.branch in events.BRANCHES


@pytest.mark.parametrize(
    ("version", "dropped"), [(5, set()), (12, {"btagCMVA", "btagCSVV2", "btagDeepB", "qgl", "puId"})]
)
def test_a_version_that_lacks_a_target_goes_without_it(version, dropped):
    names = {f.name for f in targets_for("Jet", [b.name for b in events.schema(version)])}
    assert names.isdisjoint(dropped)
    if not dropped:
        assert names == {f.name for f in JET_TARGETS}


def test_a_collection_without_targets_is_refused():
    with pytest.raises(UnknownNameError, match="Muon"):
        targets_for("Moun", [])


@pytest.mark.parametrize("feature", TARGETS, ids=lambda f: f.branch)
@given(values=st.lists(st.one_of(finite, st.just(np.nan), st.just(np.inf)), min_size=1, max_size=20))
def test_a_restricted_value_is_allowed_and_an_allowed_one_unchanged(feature, values):
    column = np.array(values)
    once = feature.restrict(column)
    assert feature.allows(once).all()
    assert_array_equal(feature.restrict(once), once)


@pytest.mark.parametrize("feature", TARGETS, ids=lambda f: f.branch)
@given(target=finite, anchor=st.floats(-1.9, 1.9))
def test_decode_undoes_encode_within_the_physical_range(feature, target, anchor):
    if feature.relation is Relation.RATIO:
        anchor = abs(anchor) + 5.0
    column, anchors = feature.restrict(np.array([target])), np.array([anchor])
    reconstructed = feature.decode(column, anchors)
    low, high = feature.physical
    assert low <= reconstructed[0] <= high
    assert_allclose(feature.encode(reconstructed, anchors), column, rtol=1e-9, atol=2e-7)


@given(st.floats(-1e3, 1e3))
def test_a_wrapped_angle_is_the_same_direction_below_pi_as_a_float32(angle):
    (wrapped,) = wrap(np.array([angle]))
    assert abs(np.float32(wrapped)) < np.pi
    assert_allclose([np.cos(wrapped), np.sin(wrapped)], [np.cos(angle), np.sin(angle)], atol=1e-6)


def test_an_azimuth_across_the_seam_is_a_small_difference():
    phi = next(f for f in JET_TARGETS if f.name == "phi")
    assert_allclose(phi.encode(np.array([-3.1]), np.array([3.1])), 2 * np.pi - 6.2, rtol=1e-9)
    assert_allclose(phi.decode(np.array([2 * np.pi - 6.2]), np.array([3.1])), -3.1, rtol=1e-9)


def test_flavours_are_categories_by_magnitude_and_unknown_codes_the_first():
    flavour = next(f for f in JET_CONDITIONS if f.name == "parton_flavour")
    assert flavour.kind is Kind.CATEGORY
    assert_array_equal(flavour.restrict(np.array([-5.0, 21.0, 2.0, 99.0, 0.0])), [5, 21, 2, 0, 0])


def test_the_mass_ratio_of_a_massless_generator_jet_is_finite():
    mass = next(f for f in JET_TARGETS if f.name == "mass")
    ratio = mass.encode(np.array([3.0]), np.array([1e-6]))
    assert_allclose(mass.decode(ratio, np.array([1e-6])), 3.0)


def test_a_special_value_survives_outside_the_range():
    score = Feature("score", low=0.0, high=1.0, special=(-1.0,))
    assert_array_equal(score.restrict(np.array([-1.0, -0.5, 0.5, 2.0])), [-1.0, 0.0, 0.5, 1.0])
