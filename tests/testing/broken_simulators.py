"""An honest simulator, and one for each rule that breaks it and nothing else."""

import random
import time
from dataclasses import replace

import awkward as ak
import numpy as np

from flashbench.events import Tier
from flashbench.simulators import SimulatorInfo

MUON = ("pt", "eta", "phi", "mass", "charge", "pfRelIso04_all", "mediumId", "genPartIdx")
JET = ("pt", "eta", "phi", "mass", "puId", "jetId", "genJetIdx")
PROVIDES = frozenset({*(f"Muon_{field}" for field in MUON), *(f"Jet_{field}" for field in JET)})


def smeared(events, factors):
    """Muons and jets of the generator, jets with their pT times a factor each, sorted."""
    muons, jets = events.GenPart, events.GenJet  # every synthetic particle is a stable muon
    order = ak.argsort(muons.pt, axis=1, ascending=False)
    muon = {
        **{field: muons[field] for field in ("pt", "eta", "phi")},
        "mass": ak.full_like(muons.pt, 0.1056583755),
        "charge": ak.where(muons.pdgId > 0, -1, 1),
        "pfRelIso04_all": ak.zeros_like(muons.pt),
        "mediumId": ak.ones_like(muons.pt, dtype=bool),
        "genPartIdx": ak.local_index(muons.pt),
    }
    pt = jets.pt * ak.unflatten(factors, ak.num(jets))
    jet = {
        **{field: jets[field] for field in ("eta", "phi", "mass")},
        "pt": pt,
        "puId": ak.full_like(pt, 7, dtype=np.int32),
        "jetId": ak.full_like(pt, 6, dtype=np.int32),
        "genJetIdx": ak.local_index(pt),
    }
    by_pt = ak.argsort(pt, axis=1, ascending=False, stable=True)
    return ak.zip({"Muon": ak.zip(muon)[order], "Jet": ak.zip(jet)[by_pt]}, depth_limit=1)


def factors(rng, events):
    return np.clip(rng.normal(1, 0.1, int(ak.sum(ak.num(events.GenJet)))), 0.5, 1.5)


def with_column(output, collection, field, values):
    return ak.with_field(output, ak.with_field(output[collection], values, field), collection)


class Honest:
    """Gaussian smearing of the jets' pT."""

    info = SimulatorInfo("honest", "1", "Honest", Tier.GEN, True, PROVIDES)

    def simulate(self, events, rng):
        return self.spoil(smeared(events, factors(rng, events)), events)

    def spoil(self, output, events):
        return output


class HonestCopy:
    """A deterministic one."""

    info = SimulatorInfo("copy", "1", "Copy", Tier.GEN, False, PROVIDES)

    def simulate(self, events, rng):
        return smeared(events, np.ones(int(ak.sum(ak.num(events.GenJet)))))


class BreaksMade(Honest):
    def __init__(self):
        raise OSError("no weights")


class BreaksInfo(Honest):
    info = replace(Honest.info, provides=PROVIDES | {"Jet_colour"})


class BreaksRuns(Honest):
    def simulate(self, events, rng):
        return super().simulate(events[events.PV.npvs > 0], rng)


class BreaksLength(Honest):
    def spoil(self, output, events):
        return output[ak.num(output.Jet) > 0]


class BreaksSchema(Honest):
    def spoil(self, output, events):
        return ak.with_field(output, output.Jet[[f for f in output.Jet.fields if f != "mass"]], "Jet")


class BreaksTypes(Honest):
    def spoil(self, output, events):
        return with_column(output, "Jet", "puId", output.Jet.puId - 0.3)


class BreaksFinite(Honest):
    def spoil(self, output, events):
        iso = output.Muon.pfRelIso04_all
        return with_column(output, "Muon", "pfRelIso04_all", ak.where(output.Muon.pt > 60, np.nan, iso))


class BreaksRange(Honest):
    def spoil(self, output, events):
        return with_column(output, "Jet", "phi", output.Jet.phi % (2 * np.pi))


class BreaksPlausible(Honest):
    def spoil(self, output, events):
        return with_column(output, "Jet", "pt", 1000 * output.Jet.pt)


class BreaksSorted(Honest):
    def spoil(self, output, events):
        return ak.with_field(output, output.Jet[:, ::-1], "Jet")


class BreaksLinks(Honest):
    def spoil(self, output, events):
        return with_column(output, "Jet", "genJetIdx", output.Jet.genJetIdx[:, ::-1])


class BreaksOrder(Honest):
    def spoil(self, output, events):
        return output[::-1]


class BreaksIdentity(Honest):
    def spoil(self, output, events):
        return ak.with_field(output, abs(events.genWeight), "genWeight")


class BreaksEmpty(Honest):
    def spoil(self, output, events):
        assert events.event[0] > 0
        return output


class BreaksBare(Honest):
    def spoil(self, output, events):
        assert not len(events) or np.max(ak.to_numpy(ak.flatten(output.Jet.pt))) > 0
        return output


class BreaksDeterministic(HonestCopy):
    def simulate(self, events, rng):
        return smeared(events, factors(rng, events))


class BreaksSplit(HonestCopy):
    def simulate(self, events, rng):
        jets = int(ak.sum(ak.num(events.GenJet)))
        mean = float(ak.mean(events.GenJet.pt)) if jets else 50
        return smeared(events, np.full(jets, 50 / mean))


class BreaksSeeded(Honest):
    def simulate(self, events, rng):
        return super().simulate(events, np.random.default_rng())


class BreaksVaried(Honest):
    def simulate(self, events, rng):
        return super().simulate(events, np.random.default_rng(1))


class BreaksFolds(Honest):
    def simulate(self, events, rng):
        spread = np.random.default_rng([int(rng.integers(2**31))]).normal(0, 0.1, 1_000_000)
        place = np.repeat(ak.to_numpy(events.event).astype(int), ak.to_numpy(ak.num(events.GenJet)))
        return smeared(events, np.clip(1 + spread[place], 0.5, 1.5))


class BreaksOwnStream(Honest):
    def simulate(self, events, rng):
        return super().simulate(events, np.random.default_rng([rng.integers(2**31), random.getrandbits(31)]))


class BreaksInput(Honest):
    def simulate(self, events, rng):
        output = super().simulate(events, rng)
        ak.to_numpy(events.genWeight, allow_missing=False)[:] = 1
        return output


class BreaksRemade(Honest):
    def __init__(self):
        self.scale = np.random.default_rng().uniform(0.9, 1.1)

    def simulate(self, events, rng):
        return smeared(events, self.scale * factors(rng, events))


class BreaksForgetful(Honest):
    first = None

    def simulate(self, events, rng):
        if self.first is None and len(events):
            self.first = int(events.event[0])
        return smeared(events, factors(rng, events) * (1 if self.first == 1 else 1.1))


class BreaksThreads(Honest):
    def simulate(self, events, rng):
        self.rng = rng
        time.sleep(0.01)
        return super().simulate(events, self.rng)


class BreaksTime(Honest):
    def spoil(self, output, events):
        time.sleep(0.4 if len(events) == 150 else 0)
        return output


class BreaksMemory(Honest):
    def spoil(self, output, events):
        np.ones(150 * 25_000)
        return output


class Unpicklable(Honest):
    def __init__(self):
        self.factor = lambda: 1


BROKEN = {
    "made": BreaksMade,
    "info": BreaksInfo,
    "runs": BreaksRuns,
    "length": BreaksLength,
    "schema": BreaksSchema,
    "types": BreaksTypes,
    "finite": BreaksFinite,
    "range": BreaksRange,
    "plausible": BreaksPlausible,
    "sorted": BreaksSorted,
    "links": BreaksLinks,
    "order": BreaksOrder,
    "identity": BreaksIdentity,
    "empty": BreaksEmpty,
    "bare": BreaksBare,
    "deterministic": BreaksDeterministic,
    "split": BreaksSplit,
    "seeded": BreaksSeeded,
    "varied": BreaksVaried,
    "folds": BreaksFolds,
    "own-stream": BreaksOwnStream,
    "input": BreaksInput,
    "remade": BreaksRemade,
    "forgetful": BreaksForgetful,
    "threads": BreaksThreads,
    "time": BreaksTime,
    "memory": BreaksMemory,
}
