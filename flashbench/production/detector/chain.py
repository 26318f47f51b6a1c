"""The reference detector, step by step: generated events in, NanoAOD's Muon and Jet out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flashbench.production.detector import calorimeter, candidates, discriminants, jets, muons, pileup, tags, tracking
from flashbench.production.detector.decays import decay_in_flight
from flashbench.production.detector.grades import Grade, PileupParameters
from flashbench.production.detector.kinds import kind_of
from flashbench.production.detector.response import Response
from flashbench.production.generate import Generated
from flashbench.production.genjets import gen_jets, hadron_flavour, parton_flavour
from flashbench.production.ragged import Array, Ragged, concatenate
from flashbench.production.streams import stream

_HEAVY = ("pt", "eta", "phi", "mass", "x", "y", "z")


@dataclass(frozen=True)
class Crossing:
    """What both grades of the detector receive: the same particles, the same pile-up.

    Args:
        generated: the events.
        gen_jets: their GenJets.
        pool: minimum-bias collisions, for the out-of-time ones that a grade adds.
        particles: of the hard collision and in-time pile-up: pt, eta, phi, mass, charge, kind, x, y, z, dz, signal,
            genPart.
        draw: the pile-up drawn.
        vertices: reconstructed pile-up vertices.
    """

    generated: Generated
    gen_jets: Ragged
    pool: Ragged
    particles: Ragged
    draw: pileup.PileupDraw
    vertices: Ragged


@dataclass(frozen=True)
class Reconstructed:
    """NanoAOD columns of one grade, and the density of each event."""

    muons: Ragged
    jets: Ragged
    density: Array


def cross(generated: Generated, pool: Ragged, parameters: PileupParameters, *key: int | str) -> Crossing:
    """Overlay pile-up on generated events; `key` names the random streams."""
    draw = pileup.draw(generated.events, pool.events, parameters, stream(*key, "pile-up"))
    extra = pileup.overlay(draw, pool, stream(*key, "overlay"))
    own = decay_in_flight(generated.visible, stream(*key, "decays"))
    columns = {name: own[name].astype(np.float32) for name in _HEAVY}
    signal = Ragged(own.counts, columns | {
        "charge": own["charge"].astype(np.int8),
        "kind": kind_of(own["pdgId"]),
        "dz": np.zeros(own.rows, dtype=np.float32),
        "signal": np.ones(own.rows, dtype=bool),
        "genPart": own["genPart"],
    })  # fmt: skip
    extra = extra.with_columns(signal=np.zeros(extra.rows, dtype=bool), genPart=np.full(extra.rows, -1))
    vertices = pileup.vertices(draw, pool, parameters, stream(*key, "vertices"))
    jets_ = gen_jets(generated.visible, generated.hadrons, generated.partons)
    return Crossing(generated, jets_, pool, concatenate(signal, extra), draw, vertices)


def simulate(
    crossing: Crossing,
    grade: Grade,
    response: Response,
    *key: int | str,
    lowest_pt: float = jets.LOWEST_PT,
    untagged: bool = False,
) -> Reconstructed:
    """Reconstruct one grade.

    Args:
        key: names the random streams; the grade's name is added.
        lowest_pt: of the jets, GeV.
        untagged: leave the discriminants out (to train them).
    """
    key = (*key, str(grade.tier))
    particles = crossing.particles
    lost = tracking.interacts(particles, grade.tracking, stream(*key, "material"))
    found = tracking.tracks(particles, lost, grade.tracking, stream(*key, "tracks"))
    found = found.with_columns(primary=tracking.primary(found, crossing.vertices, grade.tracking))

    tracked = np.zeros(particles.rows, dtype=bool)
    tracked[found["particle"][found["particle"] >= 0]] = True
    late = pileup.out_of_time(crossing.draw, crossing.pool, grade.pileup.late_energy, stream(*key, "out-of-time"))
    rng = stream(*key, "calorimeter")
    clusters = calorimeter.clusters(
        grade.calorimeter,
        calorimeter.deposits(particles, tracked, grade.calorimeter, rng),
        calorimeter.residuals(particles, tracked, grade.calorimeter, rng),
        calorimeter.deposits(late, np.zeros(late.rows, dtype=bool), grade.calorimeter, rng),
        calorimeter.noise(particles.events, grade.calorimeter, rng),
    )

    muon = muons.identify(found, grade.muons, stream(*key, "muons"))
    flow = candidates.candidates(found, clusters, muons.is_particle_flow(found, muon))
    density, bands = candidates.density(flow)
    built = jets.build(flow, (density, bands), response, stream(*key, "jets"), lowest_pt)

    others = found.select(~found["primary"])
    muon = muon.with_columns(**muons.isolation(muon, flow, others))
    muon = muon.with_columns(**muons.in_jets(muon, built.table, _jet_of_track(built, flow, found)))

    table = built.table.with_columns(**jets.fractions(built, flow))
    table = table.with_columns(
        jetId=jets.identification(table),
        genJetIdx=jets.match(table, crossing.gen_jets),
        hadronFlavour=hadron_flavour(table, crossing.generated.hadrons),
    )
    table = table.with_columns(partonFlavour=parton_flavour(table, crossing.generated.partons))
    table = table.with_columns(
        **jets.shapes(built, flow),
        **tags.displaced(built, flow, found),
        **tags.soft_leptons(table, muon, found),
        beta=tags.vertex_fraction(built, flow, others),
    )
    if untagged:
        return Reconstructed(muon, table, density)
    return Reconstructed(muon, table.with_columns(**discriminants.evaluate(table)), density)


def _jet_of_track(built: jets.Jets, flow: Ragged, found: Ragged) -> Array:
    jet = np.full(found.rows, -1, dtype=np.int64)
    track = flow["track"][built.constituent]
    jet[track[track >= 0]] = built.jet[track >= 0]
    return jet
