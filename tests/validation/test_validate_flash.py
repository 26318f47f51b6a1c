"""`flashbench validate flash`: simulators held against full simulation of the same toy events."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from command import assert_one_line, call
from flash.toy_detector import toy_events
from flash.untrained import write_untrained
from flashbench.errors import InputError, RunError
from flashbench.nanoaod import open_source, write_events
from flashbench.simulators import get
from flashbench.simulators.flash import FlashSimulator
from flashbench.simulators.flash.features import JET_TARGETS, MUON_CONDITIONS, MUON_TARGETS
from flashbench.simulators.flash.networks import MANIFEST
from flashbench.stats import wasserstein
from flashbench.training.extraction import extract
from flashbench.validation.flash import REQUIREMENTS, Requirement, gather, judge, measure_process
from flashbench.validation.flash.checks import Number
from flashbench.validation.flash.held_out import refuse_seen, seen
from flashbench.validation.flash.planes import PLANES, plane_result
from flashbench.validation.flash.targets import null_scale, target_distances
from flashbench.validation.flash.together import correlations, separation


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """1200 events of the toy detector."""
    path = tmp_path_factory.mktemp("toy") / "toy.root"
    write_events(path, [toy_events(1200, seed=5)])
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained networks: marginal distributions of other toy events, no dependence on the conditions."""
    folder = tmp_path_factory.mktemp("learned")
    write_events(folder / "train.root", [toy_events(1500, seed=6)])
    made = write_untrained(extract([str(folder / "train.root")]), folder / "weights")
    manifest = json.loads((made / MANIFEST).read_text())
    uuid = open_source(folder / "train.root").uuid
    manifest |= {"seed": 6, "inputs": [{"path": str(folder / "train.root"), "uuid": uuid}]}
    (made / MANIFEST).write_text(json.dumps(manifest))
    return made


@pytest.fixture(scope="module")
def itself(toy):
    """Full simulation in the place of the simulator and of the fast tier."""
    return gather(("ttbar", "toy"), ("full", get("full")), [str(toy)], [str(toy)])


@pytest.fixture(scope="module")
def untrained(toy, weights):
    return gather(("ttbar", "toy"), ("flash", FlashSimulator(weights)), [str(toy)], events=1000)


def test_full_simulation_is_at_no_distance_from_itself(itself):
    found = target_distances(itself.full, itself.thrown)
    assert [each.name for each in found] == [f.name for f in (*JET_TARGETS, *MUON_TARGETS)]
    assert all(each.distance == each.strays == 0 for each in found)
    assert all((each.null > 0) != each.constant for each in found)
    assert any(each.constant for each in found)  # the toy has no dxy


def test_more_throws_take_chance_out_of_distances(toy, weights, untrained):
    """Folds of one event are one event: they are numbered alike, and differ."""
    flash = "flash@4", FlashSimulator(weights)
    four = gather(("ttbar", "toy"), flash, [str(toy)], events=1000, throws=4)
    for kind in ("Jet", "Muon"):
        assert np.array_equal(four.simulated.matched[kind].targets, untrained.simulated.matched[kind].targets)
        one, all_ = (len(each.thrown[kind]) for each in (untrained, four))
        assert all_ == pytest.approx(4 * one, rel=0.05)
        pt = [feature.name for feature in four.thrown[kind].features].index("pt")
        values = [len(np.unique(each.thrown[kind].targets[:, pt])) for each in (untrained, four)]
        assert values[1] > 3 * values[0]
        kept = [np.bincount(each.thrown[kind].event, minlength=1000) for each in (untrained, four)]
        assert np.corrcoef(*kept)[0, 1] > 0.9
    once, more = (target_distances(each.full, each.thrown) for each in (untrained, four))
    for before, after in zip(once, more, strict=True):
        assert after.constant or after.null == pytest.approx(before.null * np.sqrt(5 / 8), rel=0.03)


def test_a_plane_holds_of_full_simulation_what_its_contours_promise(itself):
    for plane in PLANES[2:5]:
        found = plane_result(plane, itself)
        assert found.held == found.expected
        assert all(0 <= got - want < 0.2 for got, want in zip(found.held, (0.5, 0.9, 0.99), strict=True))


def test_the_fast_tier_must_hold_the_same_events(itself, toy, tmp_path):
    assert [side.name for side in itself.sides] == ["full", "simulated", "fast"]
    write_events(tmp_path / "other.root", [toy_events(1200, seed=5, first_event=7)])
    with pytest.raises(InputError, match="other events"):
        gather(("ttbar", "toy"), ("full", get("full")), [str(toy)], [str(tmp_path / "other.root")])


def test_every_object_knows_its_event(untrained):
    """The pile-up that a muon is conditioned on is that of its event."""
    assert untrained.full.objects.n_events == 1000
    column = [feature.name for feature in MUON_CONDITIONS].index("nPU")
    for side in untrained.sides:
        muons = side.matched["Muon"]
        np.testing.assert_array_equal(muons.conditions[:, column], side.n_pu[muons.event])


def test_the_null_of_halves_scales_to_the_sizes_that_are_compared():
    rng = np.random.default_rng(1)

    def mean(first, second):
        return np.mean([wasserstein(rng.normal(size=first), rng.normal(size=second)) for _ in range(150)])

    halves = mean(400, 400)
    assert null_scale(800, 800) == pytest.approx(np.sqrt(0.5))
    assert halves * null_scale(800, 800) == pytest.approx(mean(800, 800), rel=0.15)
    assert halves * null_scale(800, 3200) == pytest.approx(mean(800, 3200), rel=0.15)


def test_right_marginals_without_dependence_pass_by_w1_and_are_found_by_classifier_and_correlations(untrained):
    """What W1 alone would never see: the untrained networks give a b jet the score of any jet.

    A third of the scores then contradict the flavour: the best classifier has an area of 0.71.
    """
    full, simulated = (side.matched["Jet"] for side in untrained.sides)
    found = {each.name: each for each in target_distances(untrained.full, untrained.thrown) if each.kind == "Jet"}
    assert found["btagDeepFlavB"].standardised < 0.1
    assert 0.62 < separation("Jet", full, simulated, 1000).area < 0.73
    matrices = correlations("Jet", full, simulated, 1000)
    place = tuple(matrices.names.index(name) for name in ("btagDeepFlavB", "hadron_flavour"))
    assert matrices.full[place] > 0.5
    assert abs(matrices.simulated[place]) < 0.1
    assert matrices.distance > 1.5 * matrices.null  # one broken relation among hundreds


def test_a_classifier_finds_nothing_between_two_draws_of_one_detector(itself, tmp_path):
    write_events(tmp_path / "again.root", [toy_events(1200, seed=8)])
    again = gather(("ttbar", "toy"), ("full", get("full")), [str(tmp_path / "again.root")])
    for kind in ("Jet", "Muon"):
        test = separation(kind, itself.full.matched[kind], again.full.matched[kind], 1200)
        assert abs(test.area - 0.5) < 4 * test.error
        assert abs(test.quadratic - 0.5) < 5 * test.quadratic_error
    few = itself.full.matched["Muon"].where(itself.full.matched["Muon"].event < 20)
    assert np.isnan(separation("Muon", few, few, 20).area)


def _outcome(value, limit, error=0.0, at_least=False):
    requirement = Requirement("n", "n", lambda *_: Number(value, error=error), limit, "all", at_least)
    result = SimpleNamespace(gathered=SimpleNamespace(process="dy2j", fast=None))
    return judge([result], [requirement])[0].verdict


def test_a_number_beyond_its_limit_by_less_than_two_errors_is_undecided():
    assert _outcome(0.01, 0.01) == "pass"
    assert _outcome(0.02, 0.01, error=0.006) == "undecided"
    assert _outcome(0.03, 0.01, error=0.006) == "fail"
    assert _outcome(0.011, 0.01) == "fail"
    assert _outcome(0.02, 0.01, at_least=True) == "pass"
    assert _outcome(0.005, 0.01, at_least=True) == "fail"
    assert _outcome(float("nan"), 0.01) == "undefined"


@pytest.fixture(scope="module")
def measured(untrained):
    return measure_process(untrained)


def test_what_changes_at_the_detectors_edges_is_measured_in_fine_bins(measured, untrained):
    """Shares and means of matched jets by hand, in bins of a twentieth where the tracker ends."""
    found = {each.quantity.name: each for each in measured.profiles if each.quantity.group == "edges"}
    edges = found["jet_constituents_by_eta"].quantity.edges
    assert min(np.diff(edges)) < 0.06
    for side in untrained.sides:
        jets = side.objects.tables["jets"]
        bins = np.where(jets["matched"], np.digitize(np.abs(jets["gen_eta"]), edges) - 1, -1)
        wide = [k for k in range(len(edges) - 1) if (bins == k).sum() > 50]
        assert len(wide) > 5
        by_hand = {
            "jet_tag_by_eta": jets["btagDeepB"] >= 0,
            "jet_jetId_by_eta": (jets["jetId"].astype(int) & 4) > 0,
            "jet_puId_by_eta": (jets["puId"].astype(int) & 4) > 0,
            "jet_constituents_by_eta": jets["nConstituents"],
        }
        assert set(found) == set(by_hand)
        for name, values in by_hand.items():
            expected = [values[bins == k].mean() for k in wide]
            np.testing.assert_allclose(found[name].sides[side.name].value[wide], expected)


def _named(measured, process):
    gathered = SimpleNamespace(process=process, fast=None)
    means = {"of": measured.of, "mean_distance": measured.mean_distance, "mean_null": measured.mean_null}
    return SimpleNamespace(gathered=gathered, **means)


def test_an_unseen_process_is_held_to_twice_the_distance_of_ttbar_in_the_same_command(measured):
    unseen = _named(measured, "dy2j")
    assert not judge([unseen])
    found = [each for each in judge([measured, unseen]) if each.process == "dy2j"]
    assert [each.requirement.where for each in found] == ["unseen", "unseen"]
    for each, kind in zip(found, ("Jet", "Muon"), strict=True):
        assert each.limit == 2 * measured.mean_distance(kind)
        assert each.passed  # the same numbers


def test_every_requirement_of_held_out_ttbar_is_judged(measured):
    outcomes = {each.requirement.name: each for each in judge([measured])}
    wanted = {each.name for each in REQUIREMENTS if each.where == "trained" and not each.needs_fast}
    assert set(outcomes) == wanted
    assert outcomes["auc_jets"].verdict == outcomes["roc_btagDeepFlavB"].verdict == "fail"
    assert outcomes["published_Jet_nConstituents"].limit == 0.614


def _produced(folder, settings, seed, shard):
    """A file where production would put it; only its path and the manifest beside it are looked at."""
    sample = folder / "samples" / "ttbar" / settings
    sample.mkdir(parents=True, exist_ok=True)
    (sample / "manifest.json").write_text(json.dumps({"seed": seed}))
    return SimpleNamespace(uuid=f"new {settings} {shard}", path=str(sample / "full" / f"shard-0000{shard}.root"))


def test_files_that_were_trained_on_are_known_by_uuid_or_by_seed_and_shard(tmp_path):
    """A shard made again, here or with another detector, has a new UUID and the generator events of the old one."""
    inputs = [
        {"uuid": "a", "path": "/data/x.root"},
        {"uuid": "b", "path": "/c/samples/ttbar/c39/full/shard-00001.root"},
    ]
    training = {"seed": 1, "inputs": inputs}
    same, elsewhere = (SimpleNamespace(uuid=uuid, path="/moved.root") for uuid in "ad")
    again, other_detector = (_produced(tmp_path, settings, 1, 1) for settings in ("c39", "d40"))
    other_shard, other_seed = _produced(tmp_path, "c39", 1, 2), _produced(tmp_path, "e41", 2, 1)
    known = [same, again, other_detector]
    assert seen(training, [*known, elsewhere, other_shard, other_seed]) == [each.path for each in known]
    refuse_seen(training, [elsewhere, other_shard, other_seed])
    refuse_seen({}, [same])
    with pytest.raises(RunError, match="3 of 4 files were trained on"):
        refuse_seen(training, [*known, other_seed])


@pytest.fixture(scope="module")
def command(tmp_path_factory, toy, weights):
    """The command on a catalogue of the toy and the file that was trained on."""
    folder = tmp_path_factory.mktemp("command")
    files = {"ttbar": toy, "known": weights.parent / "train.root"}
    text = "".join(f'[processes.{key}]\nlabel = "<b>{key}"\nfiles.full = ["{path}"]\n' for key, path in files.items())
    (folder / "my.toml").write_text(text)

    def run(*arguments):
        more = ("--catalogue", folder / "my.toml", "--events", 400)
        return call(folder, "validate", "flash", *more, *arguments, FLASHBENCH_FLASH_WEIGHTS=str(weights))

    return folder, run


def test_the_command_prints_the_checks_and_writes_page_and_document(command):
    folder, run = command
    done = run("--process", "ttbar", "--sim", "flash:fakes=off", "--out", "there")
    assert done.returncode == 0, done.stderr
    assert "Mean W₁ of standardised targets, jets" in done.stdout
    page = (folder / "there" / "validation.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;ttbar" in page
    assert "<b>ttbar" not in page
    assert page.count("<figure ") == page.count("data:image/png;base64,") > 50
    assert not re.search(r'(src|href)="http', page)
    for target in re.findall('href="#([^"]+)"', page):
        assert f'id="{target}"' in page
    text = (folder / "there" / "validation.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    simulator, process = document["provenance"]["simulator"], document["processes"]["ttbar"]
    assert (simulator["name"], simulator["training"]["seed"], simulator["trained_on"]) == ("flash:fakes=off", 6, [])
    assert process["events"] == 400
    assert len(process["targets"]) == len(JET_TARGETS) + len(MUON_TARGETS)
    assert process["fakes_an_event"]["simulated"]["mean"] < 0.1 < process["fakes_an_event"]["full"]["mean"]
    assert {each["verdict"] for each in document["checks"]} <= {"pass", "fail", "undecided", "undefined"}


def test_bad_requests_are_one_line(command):
    _, run = command
    assert_one_line(run("--process", "known"), "train.root", "1 of 1 files were trained on", "--allow-seen")
    assert_one_line(run("--process", "nothing"), "nothing")
    assert_one_line(run("--process", "ttbar", "--sim", "full@3", "--no-fast"), "full@3", "folds would be copies")
