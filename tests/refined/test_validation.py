import json
from html.parser import HTMLParser

import numpy as np
import pytest

from flashbench.errors import RunError
from flashbench.simulators.refined import RefinedSimulator
from flashbench.simulators.refined.variables import JETS
from flashbench.training.recipe_refined import RefinerRecipe
from flashbench.training.refined import train_refined
from flashbench.validation.refined import Objects, Outcome, Sample, gather, measure_kind, validate_refined
from flashbench.validation.refined.measure import wasserstein


def sample(tiers, process="toy"):
    fast, full = map(str, tiers)
    return Sample(process, process, (fast,), (full,))


@pytest.fixture(scope="module")
def gathered(tiers, kicked_weights):
    fast, full = map(str, tiers)
    return gather(("toy", "Toy"), RefinedSimulator(kicked_weights), [fast], [full])


def objects_like(refined_shift, rows=4000, seed=1):
    """Jets whose fast values are off by a known amount, and whose refined ones are off by a part of it."""
    rng = np.random.default_rng(seed)
    full = np.column_stack([rng.uniform(30, 200, rows), *rng.uniform(0.2, 0.8, (4, rows))])
    shift = 0.1 * full.std(axis=0)
    parameters = np.column_stack([full[:, 0], rng.uniform(-2, 2, rows), rng.choice([0, 4, 5], rows)])
    sides = {"full": full, "fast": full + shift, "refined": full + refined_shift * shift}
    return Objects(JETS, parameters, np.repeat(np.arange(rows // 4), 4), sides)


def test_a_shift_is_a_distance_and_half_a_shift_half_of_it():
    objects = objects_like(0.5)
    found = measure_kind(objects)
    assert wasserstein(objects.sides["fast"], objects.sides["full"]) == pytest.approx(np.full(5, 0.1))
    ratio = found.ratio("w1")
    assert (ratio.fast, ratio.refined, ratio.value) == pytest.approx((0.1, 0.05, 0.5))
    assert ratio.error < 0.01
    everywhere = [each for each in found.discrepancies if each.axis != "generator pT"]
    assert {each.axis for each in everywhere} == {"all", "hadron flavour", "generator |η|"}
    assert all(each.refined == pytest.approx(each.fast / 2, rel=1e-6) for each in everywhere)


def test_by_chance_two_samples_are_about_as_far_apart_as_the_null_says():
    rng = np.random.default_rng(5)
    objects = objects_like(0.0)
    one, two = rng.uniform(0.2, 0.8, (2, len(objects), 4))
    distances = wasserstein(one, two)
    null = np.mean([each.null for each in measure_kind(objects).discrepancies if each.axis == "all"][1:])
    assert distances.mean() == pytest.approx(null, rel=0.5)


def test_untrained_weights_change_no_distance(tiers, identity_weights, tmp_path):
    done = validate_refined([sample(tiers)], RefinedSimulator(identity_weights), tmp_path)
    for found in done.results[0].kinds.values():
        for ratio in found.ratios:
            assert ratio.refined == pytest.approx(ratio.fast, rel=1e-3, abs=1e-6)
    assert not done.document["passed"]


def test_all_sides_are_of_the_same_generator_objects(gathered):
    jets = gathered.objects["jets"]
    assert len(jets) > 2500
    for values in jets.sides.values():
        assert np.median(values[:, 0] / jets.parameters[:, 0]) == pytest.approx(1, abs=0.5)
    assert np.corrcoef(jets.sides["fast"][:, 0], jets.sides["full"][:, 0])[0, 1] > 0.9
    assert gathered.counts["jets"]["refined"] >= len(jets)
    assert gathered.counts["jets"]["not finite"] == 0


def test_a_trained_refiner_passes_where_it_is_better_and_files_of_its_training_are_refused(tiers, tmp_path):
    files = [[str(path)] for path in tiers]
    recipe = RefinerRecipe(epochs=20, hidden=32, batch=256, rate=1e-2, kinds=("jets",))
    train_refined(*files, tmp_path / "weights", recipe, threads=1)
    simulator = RefinedSimulator(tmp_path / "weights")
    with pytest.raises(RunError, match="were trained on"):
        validate_refined([sample(tiers)], simulator, tmp_path)
    done = validate_refined([sample(tiers)], simulator, tmp_path, allow_seen=True)
    verdicts = {each.label: each.verdict for each in done.outcomes}
    assert verdicts["W₁, mean over the variables, refined / fast"] == "pass"
    assert set(verdicts.values()) <= {"pass", "undecided", "fail"}
    document = json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))
    assert document["processes"]["toy"]["counts"]["jets"]["refined"] > 0
    assert len(document["provenance"]["simulator"]["trained_on"]) == 2
    areas = document["processes"]["toy"]["kinds"]["jets"]["roc_areas"]["light"]
    assert abs(areas["refined"] - areas["full"]) < abs(areas["fast"] - areas["full"])


class _Sources(HTMLParser):
    def __init__(self):
        super().__init__()
        self.fetched, self.images = [], 0

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href") and not (value or "").startswith(("#", "data:")):
                self.fetched.append(value)
        self.images += tag == "img"


def test_the_page_holds_every_figure_and_escapes_names(tiers, kicked_weights, tmp_path):
    fast, full = map(str, tiers)
    hostile = Sample("toy", "<script>alert(1)</script>", (fast,), (full,))
    validate_refined([hostile], RefinedSimulator(kicked_weights), tmp_path)
    text = (tmp_path / "validation.html").read_text(encoding="utf-8")
    parser = _Sources()
    parser.feed(text)
    assert parser.fetched == []
    # spectra, matrices, bins, spectra by category, two ROC, unitarity, response and width of each
    assert parser.images == (5 + 1 + 5 + 15 + 2 + 1 + 2) + (2 + 1 + 2 + 4 + 2)
    assert "<script" not in text


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [(0.3, 0.01, "pass"), (0.36, 0.01, "undecided"), (0.5, 0.01, "fail"), (float("nan"), 0.0, "undefined")],
)
def test_a_number_passes_misses_or_cannot_be_told(value, error, verdict):
    outcome = Outcome("toy", "jets", "W1", value, error, 0.35)
    assert (outcome.verdict, outcome.passed) == (verdict, verdict == "pass")
