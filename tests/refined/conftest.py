"""Folders of weights that are quick to make."""

import numpy as np
import pytest
import torch

from flashbench.simulators.refined.network import NetworkConfig, RefinerNetwork
from flashbench.simulators.refined.refiner import write_manifest
from flashbench.simulators.refined.variables import KINDS
from flashbench.training.onnx_network import export


def network_of(name, kick=0.0, seed=3):
    """An untrained network; with `kick`, one whose last layers are away from zero."""
    torch.manual_seed(seed)
    kind = KINDS[name]
    network = RefinerNetwork(NetworkConfig(hidden=16), kind)
    rng = np.random.default_rng(seed)
    columns = rng.normal(0, 2, (500, len(kind.variables)))
    parameters = np.column_stack([rng.uniform(20, 200, 500), rng.normal(0, 1, 500), rng.choice(kind.codes, 500)])
    network.standardise(columns, parameters)
    with torch.no_grad():
        for layer in network.second:
            layer.weight.add_(kick * torch.randn_like(layer.weight))
    return network


def write_weights(folder, kick):
    """A sealed folder of weights."""
    folder.mkdir(parents=True)
    for name in KINDS:
        export(network_of(name, kick), folder / f"{name}.onnx")
    write_manifest(folder, tuple(KINDS), {"note": "untrained"})
    return folder


@pytest.fixture(scope="session")
def identity_weights(tmp_path_factory):
    """Weights that change nothing."""
    return write_weights(tmp_path_factory.mktemp("weights") / "identity", 0.0)


@pytest.fixture(scope="session")
def kicked_weights(tmp_path_factory):
    """Weights that change everything by some tenths of its spread."""
    return write_weights(tmp_path_factory.mktemp("weights") / "kicked", 0.1)
