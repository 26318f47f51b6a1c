"""The fit within a comparison: where signal and a background are compared, what each simulator would measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flashbench.compare.roles import Roles
from flashbench.errors import FlashbenchError
from flashbench.progress import Progress

if TYPE_CHECKING:
    from flashbench.results import RunResult

FOLDER: Final = "fit"
_DOCUMENT: Final = "fit.json"
_TOYS: Final = 200  # an error of the bias in toys of 7 % of their spread


@dataclass(frozen=True, slots=True)
class Fitted:
    """Numbers of a fit by simulator, entries of `fit.json`; without any, why not."""

    simulators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Fitted:
        """Of the content of `fit.json`."""
        return cls({each["simulator"]: each for each in document["simulators"]})


def fit_comparison(
    runs: Sequence[RunResult],
    roles: Roles,
    references: Mapping[str, str],
    out: Path,
    progress: Progress | None = None,
) -> Fitted:
    """Fit the templates of every simulator that was run on signal and backgrounds to the reference's expected data.

    Writes `out/fit`, as `flashbench fit` does; a fit of the same runs that is there is taken over. Toys are fewer, and
    there is no shape uncertainty of the signal.

    Args:
        runs: of the comparison.
        references: of each process.
        out: folder of the comparison.
    """
    chosen, reason = _chosen(runs, roles, references)
    if reason:
        return Fitted(reason=reason)
    from flashbench.compare.fit import Plan, fit

    fitted = (roles.signal, *roles.backgrounds)
    plan = Plan(
        signal=roles.signal,
        backgrounds=roles.backgrounds,
        variation=None,
        reference=references[roles.signal],
        normalisation={key: rate for key, rate in roles.uncertainties.items() if key in fitted},
        toys=_TOYS,
    )
    content = [asdict(plan), sorted((*names, run.manifest.get("parts", [])) for names, run in chosen.items())]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    path = out / FOLDER / _DOCUMENT
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.get("of_runs") == digest:
            return Fitted.of(found)
    try:
        fit(chosen, plan, out / FOLDER, facts={"of_runs": digest}, progress=progress)
    except FlashbenchError as error:
        return Fitted(reason=f"{error}; take more events, or give wider bins to flashbench fit")
    return Fitted.of(json.loads(path.read_text(encoding="utf-8")))


def _chosen(
    runs: Sequence[RunResult], roles: Roles, references: Mapping[str, str]
) -> tuple[dict[tuple[str, str], RunResult], str]:
    """Runs to fit, or why not."""
    if not roles.signal or not roles.backgrounds:
        lacking = "a signal" if not roles.signal else "a background"
        return {}, f"compare {lacking} too, e.g. --process vbf_hmm --process dy2j, or use flashbench fit"
    fitted = (roles.signal, *roles.backgrounds)
    found = {(run.process, run.simulator): run for run in runs if run.process in fitted}
    if any("dnn_atanh" not in run.table for run in found.values()):
        return {}, "the runs have no score of a network: run them with --dnn"
    if any(run.manifest.get("cross_section_pb") is None for run in found.values()):
        return {}, "a process has no cross_section in the catalogue"
    if len({references[process] for process in fitted}) > 1:
        return {}, "the processes have different references: give --reference"
    everywhere = [name for name in dict.fromkeys(name for _, name in found) if all((p, name) in found for p in fitted)]
    return {key: run for key, run in found.items() if key[1] in everywhere}, ""
