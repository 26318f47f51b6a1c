"""`flashbench samples`: what the embedded production made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flashbench.cli.options import Events, Seed, Workers

app = typer.Typer(no_args_is_help=True, help="Produce samples with Pythia 8 and the reference detector; list, show.")
Tiers = Annotated[list[str] | None, typer.Option("--tier", help="full or fast; repeatable. Default: both.")]


@app.command()
def make(
    process: Annotated[str, typer.Argument(help="Process of the built-in catalogue.")],
    events: Annotated[int, typer.Option(min=1, help="Events; rounded up to whole shards of 1000.")] = 5000,
    seed: Seed = 1,
    workers: Workers = 2,
    tier: Tiers = None,
    lhe: Annotated[
        Path | None, typer.Option(help="Shower this LHE file (.lhe, .lhe.gz) in place of Pythia's own process.")
    ] = None,
) -> None:
    """Produce a sample; shards that are there already are kept.

    The same seed gives the same events, whatever the number of workers. After an interruption the same command goes on.

    Examples:

        flashbench samples make vbf_hmm --events 20000

        flashbench samples make dy2j --lhe events.lhe.gz --tier full
    """
    from rich.console import Console

    from flashbench.cli.progress import bars
    from flashbench.events import Tier
    from flashbench.production import produce

    if unknown := sorted(set(tier or ()) - {Tier.FULL, Tier.FAST}):
        raise typer.BadParameter(f"no tier '{unknown[0]}' to produce: full or fast", param_hint="--tier")
    tiers = tuple(Tier(t) for t in dict.fromkeys(tier or (Tier.FULL, Tier.FAST)))
    console = Console()
    with bars(console)(f"sample {process}") as progress:
        sample = produce(process, events, seed=seed, workers=workers, tiers=tiers, progress=progress, lhe=lhe)
    console.print(
        f"{sample.events:,} events, σ = {sample.cross_section_pb:.4g} pb, in {sample.directory}", markup=False
    )


@app.command("list")
def list_() -> None:
    """List the samples in the cache.

    Example:

        flashbench samples list
    """
    from rich.console import Console
    from rich.table import Table

    from flashbench.production import list_samples

    table = Table("process", "seed", "events", "tiers", "σ (pb)", "directory", title="Samples")
    for sample in list_samples():
        cross_section = f"{sample.cross_section_pb:.4g}"
        tiers = ", ".join(sample.files)
        table.add_row(
            sample.process, str(sample.seed), f"{sample.events:,}", tiers, cross_section, str(sample.directory)
        )
    Console().print(table)


@app.command()
def show(
    process: Annotated[str, typer.Argument(help="Process of a sample in the cache.")],
) -> None:
    """Show how the samples of a process were made: their manifests, as JSON.

    Example:

        flashbench samples show vbf_hmm
    """
    from flashbench.errors import UnknownNameError
    from flashbench.production import list_samples

    samples = list_samples()
    chosen = [s for s in samples if s.process == process]
    if not chosen:
        raise UnknownNameError("sample", process, {s.process for s in samples})
    for sample in chosen:
        typer.echo(sample.manifest.read_text(encoding="utf-8"))


@app.command()
def validate(
    against: Annotated[str, typer.Option(help="Real NanoAOD file with generator columns, to be measured against.")],
    process: Annotated[
        str, typer.Option(help="Process of the built-in catalogue, the one that the file holds.")
    ] = "ttbar",
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="NanoAOD file or quoted glob in place of a produced sample.")
    ] = None,
    events: Events = None,
    seed: Seed = 1,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder of validation.html and validation.json.")] = Path("validation"),
) -> None:
    """Lay the full tier of a sample beside a real NanoAOD file: jets, muons, taggers, identification.

    Each number stands beside its statistical floor, the difference between random halves of the real file.

    Examples:

        flashbench samples validate --against NanoAODv5_sample.root

        flashbench samples validate --against real.root --input 'mine/*.root' --out mine
    """
    from rich.console import Console

    from flashbench.cli.progress import bars
    from flashbench.events import Tier
    from flashbench.nanoaod import open_source
    from flashbench.validation import checks_table
    from flashbench.validation import validate as lay_beside

    open_source(against)  # before minutes of production
    console = Console()
    files, label = input_ or [], f"{process}, files given"
    if not input_:
        from flashbench.production import produce

        with bars(console)(f"sample {process}") as progress:
            sample = produce(process, events or 5000, seed=seed, workers=workers, tiers=(Tier.FULL,), progress=progress)
        files, label = [str(path) for path in sample.files[Tier.FULL]], f"{process}, reference detector"
    comparison = lay_beside(files, against, out, label=label, events=events, monitor=bars(console))
    console.print(checks_table(comparison))
    console.print(f"page: {out / 'validation.html'}", markup=False)
