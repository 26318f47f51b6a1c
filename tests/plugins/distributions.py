"""Distributions made on the spot: metadata and modules in a folder, as pip leaves them."""

from __future__ import annotations

from pathlib import Path

SIMULATOR = """
from flashbench.simulators import SimulatorInfo
from flashbench.simulators.gen import GenSimulator

class Mine(GenSimulator):
    info = SimulatorInfo("mine", "1", "Mine", "gen", False, GenSimulator.info.provides)
"""


def install(
    site: Path, name: str, points: dict[str, list[str]], modules: dict[str, str], *, requires: tuple[str, ...] = ()
) -> None:
    """Put a distribution `name` 1.0 into the folder `site`.

    Args:
        points: group, without `flashbench.`, to lines `name = module:object`.
        modules: file name to text.
        requires: its requirements.
    """
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    groups = [f"[flashbench.{group}]\n" + "\n".join(entries) + "\n" for group, entries in points.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    for file, text in modules.items():
        (site / file).write_text(text)
