"""The formulas against explicit boosts, bounds and symmetries."""

import warnings

import numpy as np
import pytest
import vector
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from flashbench.analysis import (
    collins_soper,
    eta_gap,
    invariant_mass,
    mass_resolution,
    min_eta_distance,
    momenta,
    natural_log,
    pt_balance,
    zeppenfeld,
)

MUON_MASS = 0.1056583755
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def random_momenta(rng, n, mass, max_eta=2.4):
    return momenta(
        20 + rng.exponential(60, n), rng.uniform(-max_eta, max_eta, n), rng.uniform(-np.pi, np.pi, n), mass * np.ones(n)
    )


def dimuon_and_jets(seed, n=200):
    rng = np.random.default_rng(seed)
    dimuon = random_momenta(rng, n, MUON_MASS) + random_momenta(rng, n, MUON_MASS)
    return dimuon, random_momenta(rng, n, 12.0, 4.7), random_momenta(rng, n, 7.0, 4.7)


def boosted_along_z(particle, rapidity):
    energy = particle.E * np.cosh(rapidity) + particle.pz * np.sinh(rapidity)
    pz = particle.pz * np.cosh(rapidity) + particle.E * np.sinh(rapidity)
    return vector.array({"px": particle.px, "py": particle.py, "pz": pz, "E": energy})


def four_vector(particle):
    return np.stack([particle.E, particle.px, particle.py, particle.pz], axis=-1)


def rest_frame(pair, momentum):
    """General Lorentz boost of `momentum` into the rest frame of `pair`, both (events, 4) as E, px, py, pz."""
    mass = np.sqrt(pair[:, 0] ** 2 - np.sum(pair[:, 1:] ** 2, axis=1))
    along = np.sum(pair[:, 1:] * momentum[:, 1:], axis=1)
    energy = (pair[:, 0] * momentum[:, 0] - along) / mass
    factor = (along / (pair[:, 0] + mass) - momentum[:, 0]) / mass
    return energy, momentum[:, 1:] + factor[:, None] * pair[:, 1:]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def boosted_angles(minus, plus):
    """Collins-Soper angles by boosting muon and beams, axes built from the beams in the rest frame."""
    first, pair = four_vector(minus), four_vector(minus) + four_vector(plus)
    side = np.where(pair[:, 3] < 0, -1.0, 1.0)
    zero = np.zeros_like(side)
    _, beam = rest_frame(pair, np.stack([zero + 1, zero, zero, side], axis=-1))
    _, other = rest_frame(pair, np.stack([zero + 1, zero, zero, -side], axis=-1))
    _, muon = rest_frame(pair, first)
    z = unit(unit(beam) - unit(other))
    x = -unit(unit(beam) + unit(other))
    y = np.cross(z, x)
    along = [np.sum(muon * axis, axis=1) for axis in (x, y, z)]
    return along[2] / np.linalg.norm(muon, axis=1), np.arctan2(along[1], along[0])


def angle_between(a, b):
    return np.abs((a - b + np.pi) % (2 * np.pi) - np.pi)


@pytest.mark.parametrize("masses", [(0.0, 0.0), (MUON_MASS, MUON_MASS), (MUON_MASS, 0.5)])
@settings(max_examples=3, deadline=None)
@given(seed=SEEDS)
def test_collins_soper_is_an_explicit_boost_on_ten_thousand_pairs(masses, seed):
    rng = np.random.default_rng(seed)
    minus, plus = (random_momenta(rng, 10_000, mass) for mass in masses)
    well_defined = (minus + plus).pt > 0.1  # GeV; below, the azimuth of the pair is rounding
    well_defined &= (minus + plus).mass > 2.0
    minus, plus = minus[well_defined], plus[well_defined]
    assert np.count_nonzero(well_defined) > 9_900
    cos_theta, phi = collins_soper(minus, plus)
    expected_cos_theta, expected_phi = boosted_angles(minus, plus)
    assert np.max(np.abs(cos_theta - expected_cos_theta)) < 1e-9
    # as a displacement on the unit sphere: near the poles the azimuth itself is not defined
    assert np.max(angle_between(phi, expected_phi) * np.sqrt(1 - expected_cos_theta**2)) < 1e-9
    away = np.abs(expected_cos_theta) < 0.999
    assert np.max(angle_between(phi, expected_phi)[away]) < 1e-9


@given(seed=SEEDS)
@settings(max_examples=20)
def test_collins_soper_of_massless_muons_is_the_textbook_formula(seed):
    rng = np.random.default_rng(seed)
    minus, plus = random_momenta(rng, 500, 0.0), random_momenta(rng, 500, 0.0)
    pair = minus + plus
    p1 = ((minus.E + minus.pz) / np.sqrt(2), (minus.E - minus.pz) / np.sqrt(2))
    p2 = ((plus.E + plus.pz) / np.sqrt(2), (plus.E - plus.pz) / np.sqrt(2))
    textbook = 2 * (p1[0] * p2[1] - p1[1] * p2[0]) / (pair.mass * np.hypot(pair.mass, pair.pt))
    cos_theta, _ = collins_soper(minus, plus)
    assert_allclose(cos_theta, np.sign(pair.pz) * textbook, atol=1e-9)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_collins_soper_angles_are_in_range_and_opposite_for_the_other_muon(seed):
    rng = np.random.default_rng(seed)
    minus, plus = random_momenta(rng, 500, MUON_MASS), random_momenta(rng, 500, MUON_MASS)
    cos_theta, phi = collins_soper(minus, plus)
    other_cos_theta, other_phi = collins_soper(plus, minus)
    assert np.all(np.abs(cos_theta) <= 1)
    assert np.all((phi > -np.pi) & (phi <= np.pi))
    assert_allclose(other_cos_theta, -cos_theta, atol=1e-9)
    assert_allclose(angle_between(other_phi, phi), np.pi, atol=1e-6)


def test_collins_soper_phi_pi_is_not_minus_pi():
    # a pair in the x-z plane whose negative muon goes against the pair: p_y is −0.0 or 0.0
    minus, plus = (
        momenta([20.0, 20.0], [0.5, -0.5], [0.0, 0.0], [0.0, 0.0]),
        momenta([40.0] * 2, [0.0] * 2, [0.0] * 2, [0.0] * 2),
    )
    assert_array_equal(collins_soper(minus, plus)[1], [np.pi, np.pi])


def test_pair_without_transverse_momentum_has_a_polar_angle_and_no_azimuth():
    minus, plus = momenta([30.0], [1.0], [0.0], [0.0]), momenta([30.0], [1.0], [0.0], [0.0])
    back = vector.array({"px": -plus.px, "py": -plus.py, "pz": plus.pz, "E": plus.E})
    cos_theta, phi = collins_soper(minus, back)
    assert_allclose(cos_theta, 0.0, atol=1e-12)
    assert np.isnan(phi).all()


@given(seed=SEEDS, rapidity=st.floats(-1.5, 1.5))
@settings(max_examples=30)
def test_what_must_be_is_invariant_under_boosts_along_the_beam(seed, rapidity):
    dimuon, jet1, jet2 = dimuon_and_jets(seed)
    moved = [boosted_along_z(p, rapidity) for p in (dimuon, jet1, jet2)]
    assert_allclose(pt_balance(*moved), pt_balance(dimuon, jet1, jet2), rtol=1e-9)
    assert_allclose(invariant_mass(moved[1], moved[2]), invariant_mass(jet1, jet2), rtol=1e-7)
    gap = np.abs(jet1.rapidity - jet2.rapidity)
    assert_allclose(zeppenfeld(*moved) * gap, zeppenfeld(dimuon, jet1, jet2) * gap, atol=1e-7)


@given(seed=SEEDS, rapidity=st.floats(-1.5, 1.5))
@settings(max_examples=20)
def test_collins_soper_changes_under_boosts_only_by_the_side_of_the_pair(seed, rapidity):
    rng = np.random.default_rng(seed)
    minus, plus = random_momenta(rng, 200, MUON_MASS), random_momenta(rng, 200, MUON_MASS)
    moved_minus, moved_plus = boosted_along_z(minus, rapidity), boosted_along_z(plus, rapidity)
    flip = np.sign((minus + plus).pz) * np.sign((moved_minus + moved_plus).pz)
    cos_theta, phi = collins_soper(minus, plus)
    moved_cos_theta, moved_phi = collins_soper(moved_minus, moved_plus)
    assert_allclose(moved_cos_theta, flip * cos_theta, atol=1e-8)
    assert np.max(angle_between(moved_phi, flip * phi) * np.sqrt(1 - cos_theta**2)) < 1e-6


@given(seed=SEEDS)
@settings(max_examples=30)
def test_pt_balance_is_between_zero_and_one(seed):
    balance = pt_balance(*dimuon_and_jets(seed))
    assert np.all((balance >= 0) & (balance <= 1))


def test_pt_balance_of_a_balanced_event_is_zero_and_of_a_one_sided_event_one():
    jet, dimuon = momenta([30.0], [2.0], [0.3], [0.0]), momenta([60.0], [0.0], [0.3 + np.pi], [125.0])
    assert_allclose(pt_balance(dimuon, jet, jet), 0, atol=1e-12)
    assert pt_balance(jet, jet, jet)[0] == pytest.approx(1)
    assert pt_balance(jet, jet, jet)[0] <= 1


@given(seed=SEEDS)
@settings(max_examples=30)
def test_zeppenfeld_changes_sign_with_the_beam_and_not_with_the_order_of_the_jets(seed):
    dimuon, jet1, jet2 = dimuon_and_jets(seed)
    mirrored = [vector.array({"px": p.px, "py": p.py, "pz": -p.pz, "E": p.E}) for p in (dimuon, jet1, jet2)]
    gap = np.abs(jet1.rapidity - jet2.rapidity)
    assert_allclose(zeppenfeld(*mirrored) * gap, -zeppenfeld(dimuon, jet1, jet2) * gap, atol=1e-9)
    assert_array_equal(zeppenfeld(dimuon, jet2, jet1), zeppenfeld(dimuon, jet1, jet2))


def test_zeppenfeld_uses_rapidity_not_pseudorapidity():
    dimuon = momenta([50.0], [2.0], [0.0], [125.0])
    jet1, jet2 = momenta([60.0], [3.0], [1.0], [0.0]), momenta([40.0], [-1.0], [2.0], [0.0])  # massless: y = η
    rapidity = np.arcsinh(50.0 * np.sinh(2.0) / np.hypot(125.0, 50.0))
    assert_allclose(zeppenfeld(dimuon, jet1, jet2), (rapidity - 1.0) / 4.0)
    assert abs((2.0 - 1.0) / 4.0 - zeppenfeld(dimuon, jet1, jet2)[0]) > 0.1


def test_zeppenfeld_of_jets_at_one_rapidity_is_infinite():
    dimuon, jet = momenta([50.0], [2.0], [0.0], [125.0]), momenta([60.0], [3.0], [1.0], [0.0])
    assert np.isinf(zeppenfeld(dimuon, jet, jet)).all()


def test_mass_resolution_is_the_propagated_error_of_the_mass():
    def mass(pt1, pt2):
        return invariant_mass(momenta(pt1, 0.3, 0.1, 0.0), momenta(pt2, -0.8, 2.9, 0.0))

    pt1, error1, pt2, error2 = 60.0, 0.9, 45.0, 0.5
    by_difference = np.hypot(
        (mass(pt1 + 1e-4, pt2) - mass(pt1 - 1e-4, pt2)) / 2e-4 * error1,
        (mass(pt1, pt2 + 1e-4) - mass(pt1, pt2 - 1e-4)) / 2e-4 * error2,
    )
    assert_allclose(mass_resolution(mass(pt1, pt2), pt1, error1, pt2, error2), by_difference, rtol=1e-6)


def test_min_eta_distance_is_to_the_nearer_jet():
    dimuon = momenta([50.0, 50.0], [0.5, 0.5], [0.0, 0.0], [125.0, 125.0])
    jet1, jet2 = (
        momenta([60.0] * 2, [3.0, 0.7], [1.0] * 2, [5.0] * 2),
        momenta([40.0] * 2, [-1.0] * 2, [2.0] * 2, [5.0] * 2),
    )
    assert_allclose(min_eta_distance(dimuon, jet1, jet2), [1.5, 0.2])
    assert_allclose(eta_gap(jet1, jet2), [4.0, 1.7])


def test_log_of_what_is_not_positive_is_undefined():
    assert_array_equal(natural_log([1.0, 0.0, -1.0, np.nan]), [0.0, np.nan, np.nan, np.nan])


def test_float32_columns_are_summed_in_float64():
    columns = [np.float32([900.0]), np.float32([2.3]), np.float32([0.1]), np.float32([MUON_MASS])]
    single = momenta(*columns)
    assert single.pt.dtype == np.float64
    double = momenta(*(column.astype(np.float64) for column in columns))
    assert_array_equal(invariant_mass(single, single), invariant_mass(double, double))


def test_missing_objects_stay_missing():
    nothing = momenta([np.nan], [np.nan], [np.nan], [np.nan])
    something = momenta([30.0], [1.0], [2.0], [5.0])
    for value in (
        invariant_mass(nothing, something),
        eta_gap(nothing, something),
        min_eta_distance(something, something, nothing),
        pt_balance(nothing, something, something),
        zeppenfeld(something, nothing, something),
        *collins_soper(nothing, something),
    ):
        assert np.isnan(value).all()
