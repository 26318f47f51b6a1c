"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Catalogue = Annotated[
    Path | None,
    typer.Option(help="Your catalogue TOML; its processes replace built-in ones.", envvar="FLASHBENCH_CATALOGUE"),
]
Events = Annotated[
    int | None,
    typer.Option(min=1, help="Generator events a process. Default: all of given files, 5000 of a produced sample."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of sample production and simulators.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes; the result does not depend on it.")]
Runs = Annotated[Path, typer.Option(help="Folder of the runs, RUNS/PROCESS/SIMULATOR.")]
LeadingMuonPt = Annotated[
    float | None,
    typer.Option(min=0, help="pT threshold of the leading muon in GeV; the published analysis asks 26. Default: none."),
]
Dnn = Annotated[
    str | None,
    typer.Option(help="Network of the score: ONNX file, or TOML list of several; 'off' for none. Default: shipped."),
]
Trigger = Annotated[
    str | None, typer.Option(help="Trigger branch that must have fired, e.g. HLT_IsoMu24. Default: none.")
]


def chosen_dnn(text: str | None) -> Path | None:
    """What `--dnn` names: the networks shipped by default, None for `off` and where this copy holds none."""
    from flashbench.analysis import shipped

    if text is None:
        return shipped()
    return None if text == "off" else Path(text)
