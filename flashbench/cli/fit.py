"""`flashbench fit`: by how much do signal strength and significance move?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashbench.cli.options import Catalogue, Dnn, LeadingMuonPt, Runs, Seed, Trigger, Workers, chosen_dnn
from flashbench.cli.train_dnn import BACKGROUNDS, events_of

if TYPE_CHECKING:
    from flashbench.compare.fit import Binning

_VARIATIONS = {"vbf_hmm": "vbf_hmm_alt"}
_NONE = "none"


def fit(
    sims: Annotated[list[str], typer.Argument(help="Simulators, the reference among them: full flash refined gen.")],
    signal: Annotated[str, typer.Option(help="Signal, PROCESS or PROCESS=EVENTS.")] = "vbf_hmm",
    background: Annotated[
        list[str] | None,
        typer.Option(help="Background, PROCESS or PROCESS=EVENTS; repeatable. Default: dy2j, ewk_lljj, ttbar_mumu."),
    ] = None,
    variation: Annotated[
        str | None,
        typer.Option(help="Signal with another shower, for a shape uncertainty; 'none'. Default: vbf_hmm_alt."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Fit every stochastic simulator also with so many folds an event.")
    ] = None,
    reference: Annotated[str, typer.Option(help="Simulator whose templates are the data.")] = "full",
    lumi: Annotated[float, typer.Option(min=0.0, help="Integrated luminosity, 1/fb; 59.7 is 2018, 137 Run 2.")] = 59.7,
    uncertainty: Annotated[
        list[str] | None,
        typer.Option(
            help="Relative uncertainty of a cross-section, PROCESS=0.1; repeatable. Default: the catalogue's."
        ),
    ] = None,
    edges: Annotated[
        str | None, typer.Option(help="Edges of artanh(DNN), SR then SB: 0,1,2,3,8/0,1,8. Default: automatic.")
    ] = None,
    min_background: Annotated[float, typer.Option(min=0.0, help="Automatic bins: expected background of each.")] = 5.0,
    max_error: Annotated[
        float, typer.Option(min=0.0, help="Automatic bins: relative template error of the background.")
    ] = 0.3,
    toys: Annotated[int, typer.Option(min=2, help="Pseudo-experiments.")] = 500,
    events: Annotated[
        int | None, typer.Option(min=1, help="Events of each process that names none. Default: all of given files.")
    ] = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of fit.json, workspaces and plots.")] = Path("fit"),
    runs: Runs = Path("runs"),
    catalogue: Catalogue = None,
    leading_muon_pt: LeadingMuonPt = None,
    trigger: Trigger = None,
    dnn: Dnn = None,
) -> None:
    """Fit the signal strength with each simulator's templates; produces and runs what is missing.

    SR and SB are fitted together in bins of the DNN output. The data are those expected with the reference. For each
    simulator: bias of the signal strength with its paired error, in toys too, σ(μ), expected significance and limit,
    with the errors of its templates, their folds accounted for. Workspaces are JSON that pyhf reads.

    Examples:

        flashbench fit full flash gen --folds 25

        flashbench fit full gen --background dy2j=50000 --background ttbar_mumu=50000 --lumi 137
    """
    from rich.console import Console

    from flashbench import catalogue as lists
    from flashbench.analysis import Cuts
    from flashbench.cli.progress import bars
    from flashbench.compare.fit import Plan, fit_table, upsampling_gains
    from flashbench.simulators import make, parse_run_name
    from flashbench.workflow import Settings, fit_processes

    network = chosen_dnn(dnn)
    if network is None:
        raise typer.BadParameter("a fit needs a network: give one, or flashbench train dnn", param_hint="--dnn")
    names = [parse_run_name(sim) for sim in dict.fromkeys(sims)]
    stochastic = [name for name in names if make(name).info.stochastic and name.folds == 1]
    if folds:
        names += [name.__class__(name.simulator, folds, name.options) for name in stochastic]
    key, number = events_of(signal)
    given = dict(map(events_of, background or BACKGROUNDS))
    varied = variation or _VARIATIONS.get(key, _NONE)
    counts = {process: n for process, n in {key: number, **given}.items() if n}
    known = lists.load(catalogue)
    wanted = [key, *given, *([] if varied == _NONE else [varied])]
    processes = [lists.find(known, process) for process in wanted]
    rates = {p.key: p.uncertainty for p in processes[: 1 + len(given)] if p.uncertainty}
    plan = Plan(
        signal=key,
        backgrounds=tuple(given),
        variation=None if varied == _NONE else varied,
        reference=reference,
        luminosity=lumi,
        normalisation=rates | dict(map(_rate, uncertainty or ())),
        edges=_edges(edges) if edges else None,
        least_background=min_background,
        largest_error=max_error,
        toys=toys,
        seed=seed,
    )
    console = Console()
    cuts = Cuts(leading_muon_pt=leading_muon_pt, trigger=trigger)
    settings = Settings(events, seed, workers, runs, cuts, network)
    report = fit_processes(processes, names, settings, plan, out, counts=counts, monitor=bars(console))
    console.print(fit_table(report))
    for line in (*report.notes, *upsampling_gains(report)):
        console.print(line, markup=False)
    console.print(f"numbers: {out / 'fit.json'}; workspaces and plots beside it", markup=False)


def _rate(text: str) -> tuple[str, float]:
    key, _, number = text.partition("=")
    try:
        return key, float(number)
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not PROCESS=NUMBER", param_hint="--uncertainty") from error


def _edges(text: str) -> Binning:
    from flashbench.compare.fit import Binning
    from flashbench.stats import Binning as Checked

    try:
        signal, sideband = ([float(edge) for edge in part.split(",")] for part in text.split("/"))
    except ValueError as error:
        hint = "want edges of SR and SB: 0,1,2,8/0,1,8"
        raise typer.BadParameter(f"'{text}': {hint}", param_hint="--edges") from error
    return Binning(*Checked.of([signal, sideband]).edges)
