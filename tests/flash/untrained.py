"""Networks as they are before training: right marginals, constant efficiencies, no correlations. Made in a second."""

import numpy as np

from flashbench.simulators.flash.classes import ByClass
from flashbench.simulators.flash.efficiency import ChargeFlip, Classifier
from flashbench.simulators.flash.fakes import FAKE_CONDITIONS
from flashbench.simulators.flash.features import JET_CONDITIONS, MUON_CONDITIONS
from flashbench.simulators.flash.flow import FlowConfig, build
from flashbench.simulators.flash.model import FlowModel
from flashbench.simulators.flash.networks import write_manifest
from flashbench.simulators.flash.standardise import Standardise
from flashbench.simulators.flash.states import find_states, metadata
from flashbench.simulators.flash.transforms import RankGaussian


def flow(targets, conditions, target_features, condition_features):
    """A flow at its identity start: each target follows its marginal distribution."""
    inputs = Standardise.fit(conditions, condition_features)
    config = FlowConfig(len(target_features), inputs.inputs, layers=2, blocks=1, hidden=8, bins=4)
    return FlowModel(config, build(config), inputs, ByClass(RankGaussian.fit(targets, target_features)))


def constant(conditions, features, outcomes):
    """A classifier that gives each outcome its frequency, whatever the conditions."""
    inputs = Standardise.fit(conditions, features)
    frequency = np.bincount(outcomes) / len(outcomes)
    bias = np.log(np.maximum(frequency, 1e-9)).astype(np.float32)
    return Classifier(inputs, ((np.zeros((len(bias), inputs.inputs), np.float32), bias),))


def write_untrained(tables, directory):
    """Weights of untrained networks for the tables of `flashbench.training.extraction`; returns the folder."""
    jets, muons, fakes = tables.jets, tables.muons, tables.fakes
    per_fake = np.repeat(fakes.conditions, fakes.counts, axis=0)
    found = jets.conditions[jets.reconstructed]
    states, state = find_states(jets.targets, tables.targets["Jet"])
    left = states.filled(jets.targets, state, np.random.default_rng(0))
    told = np.column_stack([found, states.flags[state]])
    flows = {
        "jets": (left, told, states.flow_targets, (*JET_CONDITIONS, *states.features)),
        "muons": (muons.targets, muons.conditions[muons.reconstructed], tables.targets["Muon"], MUON_CONDITIONS),
        "fake-features": (fakes.targets, per_fake, tables.targets["fakes"], FAKE_CONDITIONS),
    }
    for part, arguments in flows.items():
        flow(*arguments).save(directory / part, {})
    classifiers = {
        "jet-efficiency": (jets.conditions, JET_CONDITIONS, jets.reconstructed.astype(int)),
        "muon-efficiency": (muons.conditions, MUON_CONDITIONS, muons.reconstructed.astype(int)),
        "fake-number": (fakes.conditions, FAKE_CONDITIONS, fakes.counts),
    }
    for part, arguments in classifiers.items():
        constant(*arguments).save(directory / part, {})
    constant(found, JET_CONDITIONS, state).save(directory / "jet-states", metadata(states))
    charge = ChargeFlip.measure(muons.conditions[muons.reconstructed, 2], muons.flipped)
    provides = [f.branch for group in tables.targets.values() for f in group]
    write_manifest(directory, charge, provides, {"note": "untrained"})
    return directory
