"""A tiny matrix-element generator: u ū → μ⁺μ⁻ events in the Les Houches format."""

from __future__ import annotations

import gzip
import math
import random
from pathlib import Path

_HEAD = """<LesHouchesEvents version="3.0">
<header>
<initrwgt><weightgroup name="scale">
<weight id="up">up</weight>
<weight id="down">down</weight>
</weightgroup></initrwgt>
</header>
<init>
2212 2212 6.5e3 6.5e3 0 0 0 0 3 1
5.0 0.1 5.0 1
</init>
"""


def event(rng: random.Random) -> list[str]:
    """Lines of one event between its tags."""
    mass, rapidity = rng.uniform(110, 150), rng.uniform(-1.5, 1.5)
    energies = mass / 2 * math.exp(rapidity), mass / 2 * math.exp(-rapidity)
    cosine, angle = rng.uniform(-1, 1), rng.uniform(0, 2 * math.pi)
    gamma, boost = math.cosh(rapidity), math.sinh(rapidity)
    sine = math.sqrt(1 - cosine**2)
    rows = [
        (2, -1, 0, 0, 501, 0, 0.0, 0.0, energies[0], energies[0]),
        (-2, -1, 0, 0, 0, 501, 0.0, 0.0, -energies[1], energies[1]),
    ]
    for pdg, sign in ((13, 1), (-13, -1)):
        x, y, z = (sign * mass / 2 * c for c in (sine * math.cos(angle), sine * math.sin(angle), cosine))
        energy = gamma * mass / 2 + boost * z
        rows.append((pdg, 1, 1, 2, 0, 0, x, y, gamma * z + boost * mass / 2, energy))
    lines = [f"4 1 5.0 {mass:.8e} 7.8e-3 0.118\n"]
    for pdg, status, m1, m2, c1, c2, px, py, pz, energy in rows:
        lines.append(f"{pdg} {status} {m1} {m2} {c1} {c2} {px:.10e} {py:.10e} {pz:.10e} {energy:.10e} 0.0 0. 9.\n")
    return [*lines, "<rwgt>\n", "<wgt id='up'> 5.5 </wgt>\n", "<wgt id='down'> 4.5 </wgt>\n", "</rwgt>\n"]


def document(events: int, seed: int = 1) -> str:
    """A whole file."""
    rng = random.Random(seed)
    body = "".join("<event>\n" + "".join(event(rng)) + "</event>\n" for _ in range(events))
    return _HEAD + body + "</LesHouchesEvents>\n"


def write(path: Path, text: str) -> Path:
    """Write `text`, gzipped when the name ends in .gz."""
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
