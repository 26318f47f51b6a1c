"""Speed of the refiner: MMD by Gram matrix and by broadcast differences, ONNX inference, in one run.

    python benchmarks/refiner_speed.py --weights DIR --output benchmarks/results/refiner_speed.json

The MMD is that of one batch with its gradient: 2048 pairs of 7 columns (five variables, two parameters), one kernel
width, both forms with the same kernel and estimator on as many threads; they alternate, the best of the repeats counts.
`network` is onnxruntime alone, `refine` all of `Refiner.refine`: transforms, network, unitarity, fall-backs. Without
--weights an untrained network of the recipe's shape is taken: speed does not depend on the weights. Required: Gram at
least 4 times faster; at least 200,000 jets a second in ONNX on two cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flashbench.simulators.refined import Refiner, losses
from flashbench.simulators.refined.network import RefinerNetwork
from flashbench.simulators.refined.refiner import BLOCK, INPUTS, OUTPUT, open_session
from flashbench.simulators.refined.variables import JETS, FloatArray
from flashbench.storage import write_json
from flashbench.training.onnx_network import export
from flashbench.training.recipe_refined import RefinerRecipe

ROWS: Final = 2048
COLUMNS: Final = 7
FASTER: Final = 4.0
JETS_PER_SECOND: Final = 200_000


def broadcast(x: Tensor, y: Tensor) -> Tensor:
    """|x_i − y_j|² by all differences, shape (rows, rows)."""
    return (x[:, None, :] - y[None, :, :]).square().sum(-1)


def mmd_with(distances: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, width: Tensor) -> Tensor:
    """The estimator of `losses.mmd` with other squared distances."""
    kernels = [losses.gaussian(distances(a, b), width) for a, b in ((x, x), (y, y), (x, y))]
    of_x, of_y, cross = (kernel.sum() - kernel.diagonal().sum() for kernel in kernels)
    return (of_x + of_y - 2 * cross) / (len(x) * (len(x) - 1))


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def mmd_speed(threads: int, repeats: int) -> dict[str, Any]:
    """Seconds of a loss and its gradient, and how well the two agree."""
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(ROWS, COLUMNS, generator=generator) for _ in range(2))
    x.requires_grad_()
    width = torch.tensor(2.0)
    forms: dict[str, Callable[[], Tensor]] = {
        "gram": lambda: losses.mmd(x, y, width),
        "broadcast": lambda: mmd_with(broadcast, x, y, width),
    }
    values, best = {}, dict.fromkeys(forms, np.inf)
    for _ in range(repeats):
        for name, form in forms.items():
            x.grad = None
            best[name] = min(best[name], seconds_of(lambda form=form: form().backward()))
    for name, form in forms.items():
        values[name] = float(form())
    ratio = best["broadcast"] / best["gram"]
    return {
        "rows": ROWS,
        "columns": COLUMNS,
        "threads": threads,
        "seconds": best,
        "values": values,
        "broadcast over gram": ratio,
        "required": ratio >= FASTER,
    }


def jets(rows: int) -> tuple[FloatArray, FloatArray]:
    """Jets whose scores are of probabilities, and parameters of their generator jets."""
    rng = np.random.default_rng(2)
    b, c, uds, g = rng.dirichlet([0.5] * 4, rows).T
    pt = 15 + rng.exponential(60, rows)
    values = np.column_stack([pt, b, c / (b + c), c / (c + uds + g), g / (uds + g)])
    return values, np.column_stack([pt, rng.normal(0, 1.5, rows), rng.choice(JETS.codes, rows)])


def inference_speed(content: bytes, threads: int, rows: int, repeats: int) -> dict[str, Any]:
    """Jets a second, the best of the repeats."""
    session = open_session(Path("jets.onnx"), content, threads)
    values, parameters = jets(rows)
    refiner = Refiner(JETS, session)
    latent, given = (np.ascontiguousarray(a, np.float32) for a in (JETS.forward(values, parameters), parameters))

    def network() -> None:
        for start in range(0, rows, BLOCK):
            feed = dict(zip(INPUTS, (latent[start : start + BLOCK], given[start : start + BLOCK]), strict=True))
            session.run([OUTPUT], feed)

    matched = np.ones(rows, dtype=bool)
    works = {"network": network, "refine": lambda: refiner.refine(values, parameters, matched)}
    rates = {name: rows / min(seconds_of(work) for _ in range(repeats)) for name, work in works.items()}
    return {
        "provider": refiner.provider,
        "threads": threads,
        "jets": rows,
        "jets_per_second": {name: round(rate) for name, rate in rates.items()},
        "required": rates["network"] >= JETS_PER_SECOND,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder of `flashbench train refined`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jets", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/refiner_speed.json"))
    arguments = parser.parse_args()
    load = os.getloadavg()
    if arguments.weights:
        content = (arguments.weights / "jets.onnx").read_bytes()
    else:
        with TemporaryDirectory() as folder:
            export(RefinerNetwork(RefinerRecipe().network, JETS), Path(folder) / "jets.onnx")
            content = (Path(folder) / "jets.onnx").read_bytes()
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(), "load": load},
        "versions": {name: version(name) for name in ("torch", "onnxruntime", "numpy")},
        "mmd": mmd_speed(arguments.threads, arguments.repeats),
        "inference": inference_speed(content, arguments.threads, arguments.jets, arguments.repeats),
    }
    write_json(arguments.output, result)
    print(arguments.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
