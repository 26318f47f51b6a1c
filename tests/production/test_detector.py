"""Each step of the reference detector, alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flashbench.production.detector import areas, calorimeter, candidates, decays, muons, pileup, tags, tracking
from flashbench.production.detector.grades import FAST, FULL, PileupParameters
from flashbench.production.detector.jets import identification
from flashbench.production.detector.kinds import CHARGED_HADRON, FORWARD, MUON, NEUTRAL_HADRON, PHOTON, kind_of
from flashbench.production.detector.response import Response
from flashbench.production.ragged import Ragged


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def particles(n: int, **columns: float | np.ndarray) -> Ragged:
    """`n` charged pions of 5 GeV in one event, central, unless told otherwise."""
    values = {"pt": 5.0, "eta": 0.5, "phi": 0.0, "mass": 0.14, "x": 0.0, "y": 0.0, "z": 0.0, "dz": 0.0}
    integers = {"charge": 1, "kind": CHARGED_HADRON, "genPart": -1, "signal": True}
    filled = {name: np.full(n, value) for name, value in {**values, **integers}.items()}
    return Ragged(np.array([n]), filled | {name: np.broadcast_to(value, n).copy() for name, value in columns.items()})


def test_particles_are_seen_by_kind() -> None:
    seen = kind_of(np.array([211, -13, 22, 130, 11, 2112]))
    assert seen.tolist() == [CHARGED_HADRON, MUON, PHOTON, NEUTRAL_HADRON, 3, NEUTRAL_HADRON]


# pile-up


def test_pile_up_counts_scatter_about_a_mean_that_varies(pool: Ragged) -> None:
    drawn = pileup.draw(4000, pool.events, PileupParameters(mean=34, spread=10), rng())
    assert drawn.n_true.mean() == pytest.approx(34, abs=0.6)
    assert drawn.n_true.std() == pytest.approx(10, abs=0.7)
    assert (drawn.n - drawn.n_true).mean() == pytest.approx(0, abs=0.4)
    assert drawn.early.mean() / drawn.late.mean() == pytest.approx(4, abs=0.05)


def test_overlay_keeps_every_particle_of_the_collisions_it_draws(pool: Ragged) -> None:
    drawn = pileup.draw(5, pool.events, PileupParameters(), rng())
    placed = pileup.overlay(drawn, pool, rng(2))
    assert placed.rows == pool.counts[drawn.source].sum()
    assert placed["pt"].sum() == pytest.approx(sum(pool["pt"][pool.event == k].sum() for k in drawn.source), rel=1e-4)
    assert np.abs(placed["phi"]).max() <= np.pi + 1e-5


def test_out_of_time_energy_is_a_part_and_none_in_the_fast_grade(pool: Ragged) -> None:
    drawn = pileup.draw(5, pool.events, PileupParameters(), rng())
    fraction = FULL.pileup.late_energy
    late = pileup.out_of_time(drawn, pool, fraction, rng(3))
    barrel, endcap = (np.abs(late["eta"]) < 2.4, np.abs(late["eta"]) > 2.4)
    assert 0 < late["pt"][barrel].max() <= fraction * pool["pt"].max() * 1.001
    assert fraction * pool["pt"].max() < late["pt"][endcap].max() <= 2 * fraction * pool["pt"].max() * 1.001
    assert np.abs(late["eta"]).max() < 3.0
    assert pileup.out_of_time(drawn, pool, FAST.pileup.late_energy, rng(3)).rows == 0


def test_densities_count_collisions_near_the_vertex() -> None:
    drawn = pileup.PileupDraw(
        np.array([3.0]), np.array([3]), np.array([0.0]), np.array([0.5, -0.9, 12.0]),
        np.zeros(3, int), np.array([30]), np.array([9]),
    )  # fmt: skip
    near, per_mm = pileup.densities(drawn)
    assert near.tolist() == [2.0]
    assert per_mm.tolist() == pytest.approx([3 / 34.0])


# decays in flight


def test_two_body_decays_conserve_momentum_and_energy() -> None:
    momentum = rng().normal(0, 5, (3, 200))
    energy = np.sqrt((momentum**2).sum(axis=0) + 0.4976**2)
    first, second = decays.two_body(momentum, energy, 0.4976, (0.1396, 0.1396), rng(2))
    np.testing.assert_allclose(first + second, momentum, atol=1e-9)
    energies = [np.sqrt((vector**2).sum(axis=0) + 0.1396**2) for vector in (first, second)]
    np.testing.assert_allclose(energies[0] + energies[1], energy, rtol=1e-9)


def test_kaons_decay_inside_the_tracker_with_their_branching_fraction() -> None:
    kaons = particles(4000, pdgId=310, charge=0, mass=0.4976, pt=1.0, eta=0.0)
    after = decays.decay_in_flight(kaons, rng())
    gone = 4000 - int((after["pdgId"] == 310).sum())
    assert gone / 4000 == pytest.approx(0.692 * (1 - np.exp(-400 * 0.4976 / 26.84)), abs=0.03)
    assert int((np.abs(after["pdgId"]) == 211).sum()) == 2 * gone
    pions = after.select(np.abs(after["pdgId"]) == 211)
    assert np.hypot(pions["x"], pions["y"]).mean() == pytest.approx(26.84 / 0.4976, rel=0.1)
    assert pions["charge"].sum() == 0


# tracking


def test_impact_parameters_of_prompt_tracks_scatter_as_their_error_says() -> None:
    many = particles(4000, pt=5.0)
    clean = replace(FULL.tracking, tails=0.0, fakes=0.0)
    found = tracking.tracks(many, np.zeros(4000, bool), clean, rng())
    _, d0_error, z0_error = tracking.resolutions(np.array([5.0]), np.array([0.5]), clean)
    assert found["d0"].std() == pytest.approx(d0_error[0], rel=0.05)
    assert found["z0"].std() == pytest.approx(z0_error[0], rel=0.05)
    assert found["pt"].mean() == pytest.approx(5.0, rel=0.003)


def test_impact_parameter_of_a_displaced_particle_is_its_distance_from_the_line() -> None:
    one = particles(1, phi=0.0, x=3.0, y=2.0, z=1.0, eta=0.0)
    transverse, longitudinal = tracking.impact(one)
    assert transverse[0] == pytest.approx(-2.0)
    assert longitudinal[0] == pytest.approx(1.0)


def test_tracks_are_lost_outside_acceptance_and_to_nuclear_interactions() -> None:
    outside = particles(100, eta=3.2)
    assert tracking.efficiency(outside, FULL.tracking).max() == 0
    many = particles(5000, eta=1.5)
    lost = tracking.interacts(many, FULL.tracking, rng()).mean()
    assert lost == pytest.approx(FULL.tracking.nuclear + FULL.tracking.nuclear_slope, abs=0.01)
    assert not tracking.interacts(many, FAST.tracking, rng()).any()


def test_crowded_tracks_are_found_less_often_in_full_and_not_in_fast() -> None:
    crowd, alone = particles(8), particles(1)
    assert tracking.efficiency(crowd, FULL.tracking)[0] < tracking.efficiency(alone, FULL.tracking)[0]
    assert tracking.efficiency(crowd, FAST.tracking)[0] == tracking.efficiency(alone, FAST.tracking)[0]


def test_tracks_of_other_vertices_are_subtracted_and_those_of_none_kept() -> None:
    columns = {"z0": np.array([0.05, 20.0, 20.0]), "z0_error": np.full(3, 0.1), "eta": np.zeros(3)}
    found = Ragged(np.array([2, 1]), columns)
    vertices = Ragged(np.array([1, 1]), {"z": np.array([20.1, -40.0])})
    assert tracking.primary(found, vertices, FULL.tracking).tolist() == [True, False, True]


# calorimeter


def test_the_smeared_energy_is_the_response_on_average() -> None:
    hadrons = particles(6000, charge=0, kind=NEUTRAL_HADRON, pt=40.0, eta=0.3, phi=1.0)
    level = replace(FULL.calorimeter, non_uniformity=(0.0, 0.0, 0.0, 0.0))
    hits = calorimeter.deposits(hadrons, np.zeros(6000, bool), level, rng())
    energy = calorimeter.energy_of(hadrons)[0]
    expected = energy * energy / (energy + level.soft_hadron)
    sigma = float(np.hypot(level.hadron[0] * np.sqrt(energy), level.hadron[1] * energy))
    assert hits["energy"].mean() == pytest.approx(expected, abs=4 * sigma / np.sqrt(6000))
    assert hits["energy"].std() == pytest.approx(sigma, rel=0.04)


def test_muons_tracked_and_curling_particles_leave_no_deposit() -> None:
    for absent in (particles(3, kind=MUON), particles(3, pt=0.5), particles(3, eta=5.5)):
        assert calorimeter.deposits(absent, np.zeros(3, bool), FULL.calorimeter, rng()).rows == 0
    assert calorimeter.deposits(particles(3), np.ones(3, bool), FULL.calorimeter, rng()).rows == 0


def test_deposits_in_one_cell_become_one_cluster_with_their_energy() -> None:
    columns = {"energy": np.array([4.0, 6.0, 9.0]), "eta": np.array([0.501, 0.502, 1.2]), "phi": np.full(3, 0.3),
               "cell": np.full(3, NEUTRAL_HADRON), "variance": np.zeros(3)}  # fmt: skip
    found = calorimeter.clusters(FULL.calorimeter, Ragged(np.array([3]), columns))
    energies = sorted((found["pt"] * np.cosh(found["eta"])).tolist())
    assert energies == pytest.approx([9.0, 10.0])


def test_clusters_below_threshold_vanish() -> None:
    columns = {"energy": np.array([0.5]), "eta": np.array([0.5]), "phi": np.zeros(1),
               "cell": np.full(1, NEUTRAL_HADRON), "variance": np.zeros(1)}  # fmt: skip
    assert calorimeter.clusters(FULL.calorimeter, Ragged(np.array([1]), columns)).rows == 0


def test_the_forward_calorimeter_has_its_own_cells() -> None:
    assert calorimeter.cells_of(np.array([3.5, 1.0, 1.0]), np.array([True, True, False])).tolist() == [
        FORWARD, PHOTON, NEUTRAL_HADRON,
    ]  # fmt: skip


# candidates and density


def test_density_of_evenly_spread_particles_is_their_pt_per_area() -> None:
    eta, phi = np.meshgrid(np.linspace(-4.65, 4.65, 170), np.linspace(-3.1, 3.1, 110))
    spread = Ragged(np.array([eta.size]), {"pt": np.full(eta.size, 0.5), "eta": eta.ravel(), "phi": phi.ravel()})
    overall, bands = candidates.density(spread)
    assert overall[0] == pytest.approx(0.5 * eta.size / (9.4 * 2 * np.pi), rel=0.05)
    assert bands.shape == (1, 17)


# areas


def test_a_lonely_jet_is_a_disc_and_a_softer_neighbour_pays() -> None:
    columns = {"pt": np.array([100.0, 20.0, 50.0]), "eta": np.array([0.0, 0.3, 3.0]), "phi": np.zeros(3)}
    jets = Ragged(np.array([3]), columns)
    area = areas.areas(jets, jets, 0.4)
    disc = np.pi * 0.16
    assert area[2] == pytest.approx(disc)
    assert area[1] < 0.7 * disc
    assert area[1] < area[0] <= disc


# jets


def test_jet_identification_bits_follow_the_energy_fractions() -> None:
    base = {"eta": 0.5, "neHEF": 0.1, "neEmEF": 0.2, "chHEF": 0.6, "chEmEF": 0.0, "muEF": 0.1, "nConstituents": 12,
            "nCharged": 6, "nNeutral": 6}  # fmt: skip
    changes = [
        {},
        {"neHEF": 0.95},
        {"muEF": 0.85},
        {"eta": 4.0, "neHEF": 0.9, "nNeutral": 12},
        {"eta": 4.0, "nNeutral": 3},
    ]
    rows = [base | change for change in changes]
    table = Ragged(np.array([5]), {name: np.array([row[name] for row in rows]) for name in base})
    assert identification(table).tolist() == [6, 0, 2, 6, 0]


def test_the_response_correction_interpolates_in_ln_pt() -> None:
    table = Response(
        np.array([0.0, 2.0, 6.0]), np.array([[10.0, 1000.0], [10.0, 1000.0]]), np.array([[1.2, 1.0], [2.0, 2.0]])
    )
    found = table.correction(np.array([100.0, 5.0, 100.0]), np.array([-1.0, 1.0, 3.0]))
    assert found.tolist() == pytest.approx([1.1, 1.2, 2.0])


# tags


def test_tracks_that_cross_the_axis_in_flight_direction_have_positive_significance() -> None:
    """A particle born 2 mm along the jet (+x) and flying at an angle passes the axis ahead of the vertex."""
    born = particles(2, x=2.0, phi=np.array([0.2, -0.2]), eta=0.0, kind=CHARGED_HADRON)
    d0, z0 = tracking.impact(born)
    found = Ragged(born.counts, {"eta": born["eta"], "phi": born["phi"], "d0": d0, "z0": z0,
                                 "d0_error": np.full(2, 0.02), "z0_error": np.full(2, 0.05)})  # fmt: skip
    ahead, _ = tags.signed_significance(found, np.arange(2), np.zeros(2), np.zeros(2))
    behind, _ = tags.signed_significance(found, np.arange(2), np.zeros(2), np.full(2, np.pi))
    assert (ahead > 5).all()
    assert (behind < -5).all()


# muons


def test_collision_muons_are_found_and_identified_more_often_than_hadrons() -> None:
    def found(kind: int) -> Ragged:
        many = particles(5000, pt=30.0, kind=kind)
        clean = replace(FULL.tracking, fakes=0.0)
        made = tracking.tracks(many, np.zeros(5000, bool), clean, rng())
        return muons.identify(made, FULL.muons, rng(2))

    real, fake = found(MUON), found(CHARGED_HADRON)
    assert real.rows > 0.93 * 5000
    assert real["mediumId"].mean() > 0.97
    assert 0 < fake.rows < 0.01 * 5000
    assert fake["mediumId"].mean() < 0.7


def test_muons_come_by_descending_pt_with_the_charge_of_their_track() -> None:
    many = particles(200, pt=rng().uniform(4, 60, 200), kind=MUON, charge=np.resize([1, -1], 200))
    made = tracking.tracks(many, np.zeros(200, bool), replace(FULL.tracking, fakes=0.0), rng())
    found = muons.identify(made, FULL.muons, rng(2))
    assert (np.diff(found["pt"]) <= 0).all()
    np.testing.assert_array_equal(found["charge"], made["charge"][found["track"]])


def test_isolation_sums_the_cone_and_subtracts_half_of_pile_up_from_neutrals() -> None:
    muon = Ragged(np.array([1]), {"pt": np.array([50.0]), "eta": np.zeros(1), "phi": np.zeros(1)})
    around = {"eta": np.array([0.1, 0.2, 0.35, 1.0, 0.1]), "phi": np.zeros(5),
              "pt": np.array([2.0, 3.0, 4.0, 90.0, 7.0]),
              "kind": np.array([CHARGED_HADRON, PHOTON, CHARGED_HADRON, PHOTON, CHARGED_HADRON]),
              "z0": np.array([0.1, 0.0, -0.2, 0.0, 5.0])}  # fmt: skip
    other = {"eta": np.array([0.15]), "phi": np.zeros(1), "pt": np.array([2.0])}
    found = muons.isolation(muon, Ragged(np.array([5]), around), Ragged(np.array([1]), other))
    assert found["pfRelIso03_chg"][0] == pytest.approx(2 / 50)
    assert found["pfRelIso03_all"][0] == pytest.approx((2 + 3 - 1) / 50)
    assert found["pfRelIso04_all"][0] == pytest.approx((6 + 3 - 1) / 50)


def test_impact_significance_grows_with_displacement() -> None:
    columns = {"eta": np.zeros(2), "d0": np.array([0.02, 2.0]), "d0_error": np.full(2, 0.02),
               "z0": np.zeros(2), "z0_error": np.full(2, 0.03)}  # fmt: skip
    found = muons.impact_parameters(Ragged(np.array([2]), columns), np.arange(2))
    assert found["dxy"].tolist() == pytest.approx([-0.002, -0.2])
    assert found["sip3d"][1] == pytest.approx(0.2 / np.hypot(0.002, 0.001))
    assert found["sip3d"][1] > 50 * found["sip3d"][0] * 0.99
