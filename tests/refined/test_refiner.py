import numpy as np
import onnxruntime
import pytest
import torch

from flashbench.errors import PluginError
from flashbench.simulators.refined.refiner import REASONS, Refiner, identity, read_manifest, with_sum_of
from flashbench.simulators.refined.unitarity import probability_sum
from flashbench.simulators.refined.variables import JETS, KINDS, MUONS, SCORE_RANGE
from refined.conftest import network_of, write_weights
from refined.toy_tiers import scores_of


def jets(rows=300, seed=1):
    """Variables and parameters of jets."""
    rng = np.random.default_rng(seed)
    scores = scores_of(rng.dirichlet([0.5, 0.5, 0.5, 0.5], rows))
    values = np.column_stack([rng.uniform(15, 500, rows), *scores.values()])
    return values, np.column_stack([values[:, 0], rng.normal(0, 1, rows), rng.choice(JETS.codes, rows)])


class Fixed:
    """A session that answers with given shifts."""

    def __init__(self, shift):
        self.answer = shift

    def get_providers(self):
        return ["CPUExecutionProvider"]

    def run(self, names, feed):
        return [self.answer[: len(feed["latent"])]]


def every(values):
    return np.ones(len(values), bool)


@pytest.mark.parametrize("name", list(KINDS))
def test_an_untrained_network_gives_back_its_input(identity_weights, name):
    rng = np.random.default_rng(1)
    values = jets()[0] if name == "jets" else np.column_stack([rng.uniform(3, 300, 300), rng.exponential(0.1, 300)])
    parameters = np.column_stack([values[:, 0], rng.normal(0, 1, 300), rng.choice(KINDS[name].codes, 300)])
    refined = Refiner.load(identity_weights, name).refine(values, parameters, every(values))
    assert np.abs(refined.values - values).max() <= 1e-7
    assert refined.refined.all()


def test_onnx_gives_what_torch_gives(kicked_weights):
    values, parameters = jets()
    shift = Refiner.load(kicked_weights, "jets").shift(values, parameters)
    network = network_of("jets", 0.1)
    with torch.no_grad():
        expected = network(
            *(torch.from_numpy(a.astype(np.float32)) for a in (JETS.forward(values, parameters), parameters))
        )
    assert np.allclose(shift, expected.numpy(), atol=1e-4)
    assert np.abs(shift).max() > 0.1


def test_the_result_does_not_depend_on_the_other_objects(kicked_weights):
    values, parameters = jets(20_000)
    refiner = Refiner.load(kicked_weights, "jets")
    whole = refiner.shift(values, parameters)
    assert np.allclose(whole[9000:9010], refiner.shift(values[9000:9010], parameters[9000:9010]), atol=1e-5)


def test_refined_scores_keep_the_sum_of_their_probabilities(kicked_weights):
    values, parameters = jets()
    refined = Refiner.load(kicked_weights, "jets").refine(values, parameters, every(values))

    def total(rows):
        scores = np.clip(rows[:, 1:4], *SCORE_RANGE)
        return probability_sum(scores[:, 0], scores[:, 1], scores[:, 2])

    inside = (refined.values[:, 1:4] > SCORE_RANGE[0]).all(1) & (refined.values[:, 1:4] < SCORE_RANGE[1]).all(1)
    inside &= (values[:, 1:4] > SCORE_RANGE[0]).all(1) & (values[:, 1:4] < SCORE_RANGE[1]).all(1)
    assert inside.sum() > 200
    assert np.allclose(total(refined.values[inside]), total(values[inside]), atol=1e-9)
    assert not np.allclose(refined.values, values, atol=0.01)


@pytest.mark.parametrize("factor", [0.9, 1e-30, 0.0])
def test_a_sum_that_was_bent_is_restored(factor):
    """Also one that a network lost altogether: trained with an exact sum, it learns nothing of B."""
    values = jets()[0]
    bent = values.copy()
    bent[:, 1] *= factor
    assert np.allclose(with_sum_of(values, bent), values, atol=1e-9)


def test_objects_that_cannot_be_refined_keep_their_values_and_are_counted():
    values, parameters = jets(7)
    matched = every(values)
    matched[0] = False
    values[1, 2] = -1.0  # not computed
    parameters[2, 1] = np.nan
    shift = np.zeros((4, 5), np.float32)
    shift[0, 0] = np.nan
    shift[1, 3] = np.inf
    shift[2, 0] = 1e30  # pt overflows
    shift[3] = 0.1
    result = Refiner(JETS, Fixed(shift)).refine(values, parameters, matched)
    assert result.refined.tolist() == [False] * 6 + [True]
    assert np.array_equal(result.values[:6], values[:6])
    assert np.isfinite(result.values).all()
    assert (result.values[6] != values[6]).any()
    assert result.counts == dict(zip(REASONS, (1, 1, 2, 2, 1), strict=True))


def test_no_objects_are_no_problem(kicked_weights):
    for name, kind in KINDS.items():
        empty = np.empty((0, len(kind.variables))), np.empty((0, 3)), np.empty(0, bool)
        result = Refiner.load(kicked_weights, name).refine(*empty)
        assert result.values.shape == (0, len(kind.variables))
        assert sum(result.counts.values()) == 0


def test_isolation_does_not_become_negative():
    values = np.array([[30.0, 0.0], [30.0, 0.01]])
    result = Refiner(MUONS, Fixed(np.full((2, 2), -0.5, np.float32))).refine(
        values, np.array([[30.0, 0.1, 1.0]] * 2), every(values)
    )
    assert (result.values[:, 1] == 0).all()
    assert result.refined.all()


def test_damaged_or_foreign_weights_are_refused(tmp_path, identity_weights):
    with pytest.raises(PluginError, match="holds no refiner"):
        read_manifest(tmp_path)
    folder = write_weights(tmp_path / "weights", 0.0)
    path = folder / "jets.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PluginError, match="checksum differs"):
        Refiner.load(folder, "jets")
    path.unlink()
    with pytest.raises(PluginError, match="no such file"):
        Refiner.load(folder, "jets")
    manifest = folder / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"variables_version": 1', '"variables_version": 0'), encoding="utf-8")
    with pytest.raises(PluginError, match="weights of variables 0"):
        read_manifest(folder)
    for broken in ("{", "[1]", "{}"):
        manifest.write_text(broken, encoding="utf-8")
        with pytest.raises(PluginError):
            read_manifest(folder)


def test_the_identity_of_weights_changes_with_them(identity_weights, kicked_weights):
    assert identity(read_manifest(identity_weights)) != identity(read_manifest(kicked_weights))


def test_the_provider_is_recorded(identity_weights):
    assert Refiner.load(identity_weights, "jets").provider in onnxruntime.get_available_providers()
