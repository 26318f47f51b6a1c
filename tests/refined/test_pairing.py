import awkward as ak
import numpy as np
import pytest

from flashbench.errors import InputError
from flashbench.nanoaod import write_events
from flashbench.simulators.refined.variables import KINDS
from flashbench.training.pairing import find, join, pair_files
from refined.toy_tiers import FAST_PT, toy_tiers


def test_pairs_are_of_the_same_generator_object(tiers):
    fast, full = tiers
    paired = pair_files([str(fast)], [str(full)])
    assert paired.events == 1500
    jets = paired.pairs["jets"]
    assert len(jets) > 2500
    assert np.allclose(np.median(jets.fast[:, 0] / jets.parameters[:, 0]), FAST_PT, atol=0.01)
    assert np.allclose(np.median(jets.full[:, 0] / jets.parameters[:, 0]), 1.0, atol=0.01)
    assert np.abs(jets.fast[:, 0] / jets.full[:, 0] - FAST_PT).max() < 0.5
    assert set(np.unique(jets.parameters[:, 2])) == {0.0, 4.0, 5.0}
    muons = paired.pairs["muons"]
    assert set(np.unique(muons.parameters[:, 2])) == {0.0, 1.0}
    assert len(np.unique(jets.event)) <= 1500


def test_events_are_joined_by_identity_not_by_position(tiers, tmp_path):
    blocks = toy_tiers(300, seed=8)
    order = np.random.default_rng(1).permutation(300)
    paths = [tmp_path / "fast.root", tmp_path / "full.root", tmp_path / "shuffled.root"]
    for path, block in zip(paths, (*blocks, blocks[1][order]), strict=True):
        write_events(path, [block])
    straight = pair_files([str(paths[0])], [str(paths[1])])
    shuffled = pair_files([str(paths[0])], [str(paths[2])])
    for name in KINDS:
        assert np.array_equal(straight.pairs[name].full, shuffled.pairs[name].full)


def test_tiers_of_other_events_are_refused(tiers, tmp_path):
    _, full = toy_tiers(100, seed=9, first_event=5000)
    other = tmp_path / "other.root"
    write_events(other, [full])
    with pytest.raises(InputError, match="holds other events"):
        pair_files([str(tiers[0])], [str(other)])
    same_numbers = tmp_path / "same.root"
    write_events(same_numbers, [toy_tiers(1500, seed=10)[1]])
    with pytest.raises(InputError, match="other generator objects"):
        pair_files([str(tiers[0])], [str(same_numbers)])
    few = tmp_path / "few.root"
    write_events(few, [toy_tiers(750, seed=1)[1]])
    assert pair_files([str(few)], [str(tiers[1])], some=True).events == 750


def test_objects_near_another_generator_object_are_not_trained_on():
    fast, _ = toy_tiers(200, seed=11)
    alone = find(fast, KINDS["jets"])
    near = ak.concatenate([fast.GenJet, ak.with_field(fast.GenJet, fast.GenJet.phi + 0.5, "phi")], axis=1)
    crowded = find(ak.with_field(fast, near, "GenJet"), KINDS["jets"])
    assert len(alone.keys) > 300
    assert len(crowded.keys) == 0


def test_jets_without_a_computed_score_are_dropped_and_counted():
    fast, full = toy_tiers(200, seed=12)
    scores = ak.where(fast.Jet.pt > 60, -1.0, fast.Jet.btagDeepFlavB)
    fast = ak.with_field(fast, ak.with_field(fast.Jet, scores, "btagDeepFlavB"), "Jet")
    pairs, counts = join(*(find(events, KINDS["jets"]) for events in (fast, full)), KINDS["jets"])
    assert counts["invalid"] > 50
    assert counts["paired"] == len(pairs) == counts["in fast"] - counts["invalid"]
    assert (pairs.fast[:, 1] >= 0).all()
