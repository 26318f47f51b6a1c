"""Train the discriminants of the reference detector and ship them as ONNX.

    python benchmarks/production_train_taggers.py --events 8000 --out benchmarks/results/production_taggers.json

Needs torch and onnx (not needed to use the networks). Events come from reserved seeds, so no sample holds them:
ttbar and multijets, full grade only, as the experiments train on full simulation and apply to fast. The last fifth of
the shards is held out; the areas quoted are those.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from production_response import MULTIJETS, SHARD

from flashbench.events import Tier
from flashbench.production.cache import cache_directory
from flashbench.production.detector import response as responses
from flashbench.production.detector.chain import cross, simulate
from flashbench.production.detector.discriminants import pileup_cell
from flashbench.production.detector.features import FEATURES, OUTPUTS
from flashbench.production.detector.grades import FULL
from flashbench.production.generate import events_of_generated, generate
from flashbench.production.genjets import nearest_jet
from flashbench.production.minimum_bias import PARTS, PoolSettings, load_pool, make_part
from flashbench.production.ragged import Ragged, blocks
from flashbench.production.recipes import recipe
from flashbench.production.workers import quiet

# Parts of all ttbar jets that pass the loose, medium and tight pile-up identification in released NanoAOD (v5), in
# ranges of pt (15, 20, 30, 50, 100 GeV upwards) and, within each, of |eta| (0, 1.3, 2.4, 3 upwards).
PUID_PASS = (
    ((0.84, 0.56, 0.42), (0.74, 0.41, 0.28), (0.47, 0.33, 0.20), (0.39, 0.28, 0.15)),
    ((0.94, 0.79, 0.68), (0.89, 0.72, 0.58), (0.57, 0.46, 0.34), (0.57, 0.44, 0.28)),
    ((0.99, 0.86, 0.77), (0.97, 0.83, 0.73), (0.84, 0.74, 0.67), (0.86, 0.70, 0.48)),
    ((1.0, 0.92, 0.87), (0.99, 0.90, 0.83), (0.99, 0.94, 0.88), (0.97, 0.89, 0.69)),
    ((1.0, 0.97, 0.91), (0.99, 0.94, 0.91), (1.0, 0.98, 0.93), (1.0, 1.0, 0.95)),
)
NEEDED = sorted({name for names in FEATURES.values() for name in names})


def jets_of(job: tuple[str, int]) -> dict[str, Any]:
    """Features and truth of the jets of one shard."""
    process, seed = job
    chosen = MULTIJETS if process == "multijets" else recipe(process)
    generated, _ = generate(chosen, SHARD, seed, Path("/tmp"))
    pool = load_pool(cache_directory() / "minimum-bias", PoolSettings())
    parts = []
    for first, last in blocks(generated.events, 250):
        part = events_of_generated(generated, first, last)
        key = (seed, "taggers", first)
        crossing = cross(part, pool, FULL.pileup, *key)
        seen = simulate(crossing, FULL, responses.load(Tier.FULL), *key, untagged=True).jets
        gen = crossing.gen_jets
        matched = seen["genJetIdx"] >= 0
        row = np.where(matched, gen.starts[seen.event] + seen["genJetIdx"], 0)
        columns = {name: np.asarray(seen[name], dtype=np.float32) for name in NEEDED}
        columns |= {"hadronFlavour": seen["hadronFlavour"], "partonFlavour": seen["partonFlavour"]}
        gen_pt = np.where(matched, with_neutrinos(gen, part.neutrinos)[row], 0.0)
        parts.append(columns | {"genPt": gen_pt, "matched": matched})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def with_neutrinos(gen: Ragged, neutrinos: Ragged) -> Any:
    """pt of GenJets with the neutrinos within 0.4 of their axes added, GeV, shape (jets,)."""
    neutrino = nearest_jet(gen, neutrinos)
    inside = neutrino >= 0
    jet = neutrino[inside]
    px, py = gen["pt"] * np.cos(gen["phi"]), gen["pt"] * np.sin(gen["phi"])
    for total, turn in ((px, np.cos), (py, np.sin)):
        np.add.at(total, jet, (neutrinos["pt"] * turn(neutrinos["phi"]))[inside])
    return np.hypot(px, py)


def task(name: str, jets: dict[str, Any]) -> tuple[Any, Any]:
    """Which jets a network learns from, and what: class numbers, or ln(gen pt / pt)."""
    flavour, parton = np.abs(jets["hadronFlavour"]), np.abs(jets["partonFlavour"])
    central = (np.abs(jets["eta"]) < 2.6) & (jets["muEF"] < 0.8)
    if name in ("csvv2", "cmva", "deepcsv"):
        return central, np.select([flavour == 5, flavour == 4], [0, 1], 2)
    if name == "deepjet":
        return np.ones(len(parton), bool), np.select([flavour == 5, flavour == 4, parton == 21], [0, 1, 3], 2)
    if name == "qgl":
        light = (parton > 0) & (parton < 4)
        return (light | (parton == 21)) & jets["matched"] & (flavour == 0), np.where(light, 0, 1)
    if name == "puid":
        return np.ones(len(parton), bool), np.where(jets["matched"], 0, 1)
    target = np.log(np.clip(jets["genPt"] / jets["pt"], 0.5, 2.0), where=jets["genPt"] > 0, out=np.zeros(len(parton)))
    return jets["matched"] & (jets["genPt"] > 12) & central & (flavour == 5), target


def network(features: int, outputs: int, classify: bool, mean: Any, scale: Any) -> Any:
    """A small perceptron that standardises its inputs itself and, for classes, ends in a softmax."""
    import torch
    from torch import nn

    class Standardise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
            self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))

        def forward(self, x: Any) -> Any:
            return torch.clamp((x - self.mean) / self.scale, -6.0, 6.0)

    width = 64 if features > 12 else 32
    body = [Standardise(), nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
    return nn.Sequential(*body, nn.Linear(width, outputs)), nn.Softmax(dim=1) if classify else nn.Identity()


def train(name: str, jets: dict[str, Any], epochs: int) -> tuple[Any, dict[str, Any]]:
    """Fit one network; the held-out loss and area of its first class against the rest."""
    import torch

    torch.manual_seed(1)
    use, target = task(name, jets)
    x = np.stack([jets[feature] for feature in FEATURES[name]], axis=1)[use].astype(np.float32)
    y, held = target[use], jets["held"][use]
    classify = name != "breg"
    body, end = network(x.shape[1], OUTPUTS[name], classify, x[~held].mean(axis=0), x[~held].std(axis=0) + 1e-6)
    inputs = torch.as_tensor(x[~held])
    wanted = torch.as_tensor(y[~held], dtype=torch.long if classify else torch.float32)
    loss_of = torch.nn.CrossEntropyLoss() if classify else torch.nn.SmoothL1Loss(beta=0.1)
    optimiser = torch.optim.AdamW(body.parameters(), lr=3e-3, weight_decay=1e-3)
    steps = epochs * (len(inputs) // 512)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs))[: len(inputs) // 512 * 512].reshape(-1, 512):
            output = body(inputs[batch])
            loss = loss_of(output if classify else output[:, 0], wanted[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        score = end(body(torch.as_tensor(x[held]))).numpy()
    facts: dict[str, Any] = {"training_jets": len(inputs), "held_out_jets": int(held.sum())}
    if classify:
        facts["area_first_class"] = area(score[:, 0], y[held] == 0)
    else:
        facts["rms_before"], facts["rms_after"] = float(y[held].std()), float((y[held] - score[:, 0]).std())
    return torch.nn.Sequential(body, end), facts


def area(score: Any, signal: Any) -> float:
    """Area under the ROC curve."""
    rank = score.argsort().argsort() + 1.0
    n = int(signal.sum())
    return float((rank[signal].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def ship(name: str, model: Any, folder: Path) -> None:
    """Write the ONNX file."""
    import torch

    model.eval()
    example = torch.zeros(2, len(FEATURES[name]))
    torch.onnx.export(
        model, (example,), folder / f"{name}.onnx", input_names=["features"], output_names=["scores"],
        dynamic_axes={"features": {0: "jets"}, "scores": {0: "jets"}}, dynamo=False,
    )  # fmt: skip


def puid_thresholds(model: Any, jets: dict[str, Any]) -> list[list[float]]:
    """Scores above which the wanted part of ttbar jets lies, by cell of `discriminants.pileup_cell`."""
    import torch

    ttbar = jets["ttbar"]
    x = np.stack([jets[feature] for feature in FEATURES["puid"]], axis=1)[ttbar].astype(np.float32)
    with torch.no_grad():
        score = model(torch.as_tensor(x)).numpy()[:, 0]
    cell = pileup_cell(jets["pt"][ttbar], jets["eta"][ttbar])
    wanted = [fractions for row in PUID_PASS for fractions in row]
    return [
        [float(np.quantile(score[cell == number], 1 - part)) if part < 1 else -1.0 for part in fractions]
        for number, fractions in enumerate(wanted)
    ]


def collect(events: int, workers: int, store: Path | None) -> dict[str, Any]:
    """Jets for training, `held` true for the last fifth of the shards of each process."""
    if store and store.exists():
        return dict(np.load(store))
    shards = max(events // SHARD, 5)
    jobs = [("ttbar", 61_000 + n) for n in range(shards)] + [("multijets", 62_000 + n) for n in range(shards // 2)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=quiet) as executor:
        directory = cache_directory() / "minimum-bias"
        list(executor.map(make_part, [directory] * PARTS, [PoolSettings()] * PARTS, range(PARTS)))
        found = list(executor.map(jets_of, jobs))
    limits = {"ttbar": 61_000 + int(0.8 * shards), "multijets": 62_000 + int(0.8 * (shards // 2))}
    held = np.concatenate(
        [np.full(len(part["pt"]), seed >= limits[process]) for (process, seed), part in zip(jobs, found, strict=True)]
    )
    jets = {name: np.concatenate([part[name] for part in found]) for name in found[0]} | {"held": held}
    ttbar = [np.full(len(part["pt"]), process == "ttbar") for (process, _), part in zip(jobs, found, strict=True)]
    jets["ttbar"] = np.concatenate(ttbar)
    if store:
        np.savez(store, **jets)
    return jets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, help="keep the training jets here, or take them from here")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    clock = time.perf_counter()
    jets = collect(arguments.events, arguments.workers, arguments.store)
    print(f"{len(jets['pt'])} jets in {time.perf_counter() - clock:.0f} s")
    folder = Path(responses.__file__).parent / "weights"
    results = {}
    for name in FEATURES:
        model, results[name] = train(name, jets, arguments.epochs)
        ship(name, model, folder)
        if name == "puid":
            (folder / "puid-thresholds.json").write_text(
                json.dumps(puid_thresholds(model, jets)) + "\n", encoding="utf-8"
            )
        print(name, results[name], f"{time.perf_counter() - clock:.0f} s", flush=True)
    sums = [f"{hashlib.sha256((folder / f'{n}.onnx').read_bytes()).hexdigest()} {n}.onnx\n" for n in sorted(FEATURES)]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    if arguments.out:
        content = {"command": " ".join(["python", *sys.argv]), "networks": results}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
