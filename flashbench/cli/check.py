"""`flashbench check`: whether a simulator keeps the contract."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    name: Annotated[str, typer.Argument(help="Simulator, with options: smear, flash:fakes=off.")],
    events: Annotated[int, typer.Option(min=60, help="Synthetic events to try it on.")] = 300,
    milliseconds: Annotated[float, typer.Option(min=0, help="Longest time an event.")] = 50,
    megabytes: Annotated[float, typer.Option(min=0, help="Most memory an event.")] = 2,
) -> None:
    """Check a simulator against the contract; the same checks as `flashbench.testing.SimulatorContract`.

    A broken rule is told with what was seen and why the rule is there, and the exit code is 1.

    Examples:

        flashbench check gen

        flashbench check flash:fakes=off --events 1000
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from flashbench.simulators import make, parse_run_name
    from flashbench.testing import Limits, Verdict, check_simulator

    parsed = parse_run_name(name)
    if parsed.folds > 1:
        raise typer.BadParameter("leave @N out: folds are the core's", param_hint="NAME")
    make(parsed)  # a name that is not there is an error, not a broken rule
    colours = {Verdict.HELD: "green", Verdict.BROKEN: "red", Verdict.NOT_JUDGED: "yellow"}
    outcomes = check_simulator(name, Limits(events, milliseconds / 1000, megabytes))
    table = Table("rule", "", "seen", title=f"Contract of simulator {name}", title_justify="left")
    for outcome in outcomes:
        remark = f"'{outcome.remark}' is broken" if outcome.verdict is Verdict.NOT_JUDGED else outcome.remark
        style = colours.get(outcome.verdict, "dim")
        table.add_row(outcome.rule.name, Text(outcome.verdict, style=style), Text(remark))
    console = Console()
    console.print(table)
    broken = [outcome for outcome in outcomes if outcome.verdict is Verdict.BROKEN]
    for outcome in broken:
        console.print(outcome.message, markup=False, highlight=False, style="red")
    held = sum(outcome.verdict is Verdict.HELD for outcome in outcomes)
    console.print(f"{held} rules held, {len(broken)} broken", highlight=False)
    if broken:
        raise typer.Exit(1)
