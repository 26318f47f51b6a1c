import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flashbench.simulators.refined.variables import JETS, KINDS, MUONS, SCORE_RANGE, Scale

VARIABLES = {v.scale: v for kind in KINDS.values() for v in kind.variables}
RANGES = {Scale.SCORE: SCORE_RANGE, Scale.MOMENTUM: (0.5, 5000.0), Scale.POSITIVE: (0.0, 500.0)}


@pytest.mark.parametrize("scale", list(Scale))
def test_a_transform_and_its_inverse_are_one_another(scale):
    variable, values = VARIABLES[scale], np.linspace(*RANGES[scale], 2001)
    assert np.allclose(variable.inverse(variable.forward(values)), values, rtol=1e-10, atol=1e-12)
    assert (np.diff(variable.forward(values)) > 0).all()


def test_the_momentum_transform_is_the_logit_of_tanh():
    variable, pt = JETS.variables[0], np.array([20.0, 100.0, 600.0])
    tanh = np.tanh(pt / variable.size)
    assert np.allclose(variable.forward(pt), np.log(tanh / (1 - tanh)))


@pytest.mark.parametrize("scale", list(Scale))
@given(data=st.data())
def test_no_shift_gives_back_every_value_exactly_also_beyond_the_clamp(scale, data):
    high = 1.0 if scale is Scale.SCORE else 1e4
    low = 1e-3 if scale is Scale.MOMENTUM else 0.0
    values = data.draw(arrays.arrays(np.float64, 5, elements=st.floats(low, high)))
    assert np.array_equal(VARIABLES[scale].shifted(values, np.zeros(5)), values)


@given(shift=st.floats(-30, 30))
def test_shifted_values_stay_where_they_can_be(shift):
    for scale, variable in VARIABLES.items():
        values = np.linspace(*RANGES[scale], 50)
        moved = variable.shifted(values, np.full(50, shift))
        assert variable.valid(moved).all() or scale is Scale.MOMENTUM
        assert np.isfinite(moved).all()


def test_what_is_not_computed_or_not_finite_is_not_valid():
    score = JETS.variables[1]
    assert score.valid(np.array([-1.0, 0.0, 1.0, 1.1, np.nan, np.inf])).tolist() == [False, True, True, *[False] * 3]
    assert JETS.variables[0].valid(np.array([0.0, -5.0, 30.0, np.inf])).tolist() == [False, False, True, False]
    assert MUONS.valid(np.array([[20.0, 0.0], [20.0, -0.1]])).tolist() == [True, False]


def test_pt_is_seen_relative_to_the_generators():
    values = np.array([[50.0, 0.5, 0.5, 0.5, 0.5], [400.0, 0.5, 0.5, 0.5, 0.5]])
    latent = JETS.forward(values, np.array([[50.0, 0.0, 5.0], [200.0, 0.0, 0.0]]))
    pt = JETS.variables[0]
    assert latent[0, 0] == 0
    assert latent[1, 0] == pt.forward(np.array([400.0]))[0] - pt.forward(np.array([200.0]))[0]
    assert np.allclose(latent[:, 1:], 0)


def test_pt_comes_first_in_every_kind():
    for kind in KINDS.values():
        first = kind.variables[0]
        assert (first.name, first.scale, first.unit) == ("pt", Scale.MOMENTUM, "GeV")
        assert first.valid(np.array([6999.0, 7001.0])).tolist() == [True, False]
