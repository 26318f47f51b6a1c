"""Objects of all simulators of a comparison beside each other: what is measured of them, as figures for its report.

What to use when: `objects_of` for tables of the objects, `object_figures` for what is drawn of them; `object_exhibits`
for both with files, from an earlier comparison where nothing changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flashbench.compare.planes import ContourStudy, CorrelationStudy, smooth_levels
from flashbench.compare.plots.caption import Caption
from flashbench.compare.plots.style import REFERENCE, Look, looks
from flashbench.errors import InputError, StatisticsError
from flashbench.events import Tier
from flashbench.nanoaod import expand, load_block, open_source, plan_blocks
from flashbench.progress import Progress
from flashbench.simulators import Simulator
from flashbench.stats import RocCurve, correlation_matrix, matrix_distance, wasserstein
from flashbench.validation import jets, muons
from flashbench.validation.flash.planes import PLANES, Plane
from flashbench.validation.flash.quantities import PROFILES
from flashbench.validation.measures import Distribution, Measured, Quantity, Roc, measure, rate
from flashbench.validation.objects import READ, TABLES, Objects, join, tables_of
from flashbench.validation.selections import everything
from flashbench.validation.simulated import replaced

FloatArray = NDArray[np.float64]

BLOCK_EVENTS: Final = 2000  # as in a run, so that a simulator draws the same numbers
_REPLICAS: Final = 25
_SHOWN_PROFILES: Final = (
    "jet_response_mean", "jet_response_rms", "muon_response_mean", "muon_response_rms", "jet_efficiency_by_pt",
    "muon_efficiency_by_pt", "jet_fakes_by_eta",
)  # fmt: skip
_SHOWN_ROCS: Final = ("btagDeepFlavB_light", "btagDeepB_light")
_SHOWN_SPECTRA: Final = (
    "jet_pt_ratio", "jet_mass_ratio", "nConstituents", "jet_number", "btagDeepFlavB_b", "btagDeepFlavB_udsg",
    "qgl_quark", "muon_pt_ratio", "muon_pfRelIso04_all_prompt", "muon_dxyErr_prompt",
)  # fmt: skip
_CORRELATED: Final = {
    "pt": r"$p_T$", "mass": "$m$", "nConstituents": "constituents", "btagDeepFlavB": "DeepFlavB",
    "btagDeepFlavC": "DeepFlavC", "btagDeepB": "DeepB", "qgl": "qgl", "bRegCorr": "bRegCorr", "area": "area",
}  # fmt: skip
_POINTS: Final = 400  # of a curve that is drawn
_SMOOTHING: Final = 0.8  # bins


@dataclass(frozen=True, slots=True)
class Seen:
    """What one simulator makes of the events.

    Attributes:
        branches: NanoAOD branches that mean anything.
    """

    simulator: str
    label: str
    objects: Objects
    branches: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProfileFigure:
    """A profile of every simulator that has it."""

    caption: Caption
    process_label: str
    quantity: Quantity
    sides: tuple[tuple[Measured, str, Look], ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


@dataclass(frozen=True, slots=True)
class RocFigure:
    """A tagger's curve of every simulator that has it."""

    caption: Caption
    process_label: str
    title: str
    sides: tuple[tuple[RocCurve, str, Look], ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


@dataclass(frozen=True, slots=True)
class SpectrumFigure:
    """A distribution of every simulator that has it.

    Attributes:
        sides: label, look, fraction of the entries in each bin, entries, W1 to the reference (0 for itself, NaN where
            one has none), fraction outside the axis.
    """

    caption: Caption
    process_label: str
    axis_label: str
    counted: str
    log: bool
    edges: FloatArray
    sides: tuple[tuple[str, Look, FloatArray, int, float, float], ...]

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.caption.name


ObjectFigure: TypeAlias = ProfileFigure | RocFigure | SpectrumFigure | ContourStudy | CorrelationStudy


def objects_of(
    process: str,
    simulators: Mapping[str, Simulator],
    files: Mapping[Tier, Sequence[str]],
    *,
    events: int,
    seed: int = 1,
    progress: Progress | None = None,
) -> tuple[Seen, ...]:
    """Tables of what every simulator makes of the first events of a process.

    Args:
        process: key, also part of the random seed.
        simulators: by run name; folds are left out.
        files: of every tier that they read.
        events: at most so many.
        seed: of the simulators.
        progress: called with events done and in all.

    Raises:
        InputError: no events.
        SchemaError, SimulationError: a file lacks columns, or a simulator broke the contract.
    """
    parts: dict[str, list[Objects]] = {name: [] for name in simulators}
    branches: dict[str, frozenset[str]] = {}
    done = 0
    for tier in dict.fromkeys(made.info.reads for made in simulators.values()):
        readers = {name: made for name, made in simulators.items() if made.info.reads is tier}
        columns = (*READ, *sorted({need for made in readers.values() for need in made.info.needs}))
        sources = tuple(open_source(path) for path in expand(files[tier]))
        held = frozenset.intersection(*(source.branches for source in sources)) if sources else frozenset()
        for name, made in readers.items():
            branches[name] = made.info.provides if tier is Tier.GEN else held
        for block in plan_blocks(sources, BLOCK_EVENTS, events):
            loaded = load_block(block, tuple(dict.fromkeys(columns)))
            for name, made in readers.items():
                stream = np.random.SeedSequence([seed, zlib.crc32(process.encode()), block.index])
                rng = np.random.default_rng(stream)
                output = replaced(made, loaded.events, rng, f"simulator '{name}' on {block.where}")
                linked = tier is Tier.GEN or "Jet_genJetIdx" not in loaded.neutral
                parts[name].append(tables_of(output, made.info.label, linked=linked))
                done += len(block)
                if progress is not None:
                    progress(done, len(simulators) * events)
    if not all(parts.values()):
        raise InputError(process, "no events for figures of objects")
    return tuple(Seen(name, simulators[name].info.label, _joined(each), branches[name]) for name, each in parts.items())


def _joined(parts: Sequence[Objects]) -> Objects:
    tables = {name: reduce(join, (part.tables[name] for part in parts)) for name in TABLES}
    return Objects(parts[0].label, np.concatenate([part.keys for part in parts]), tables)


def object_figures(process: tuple[str, str], seen: Sequence[Seen]) -> tuple[ObjectFigure, ...]:
    """What is drawn of the objects of a process; a simulator is left out where it lacks a branch.

    Args:
        process: key and label.
        seen: the reference first.
    """
    others = looks([each.simulator for each in seen[1:]])
    look = {seen[0].simulator: Look(REFERENCE.colour, "o", "-"), **others}
    found: list[ObjectFigure] = []
    chosen = {each.name: each for each in (*jets.DISTRIBUTIONS, *muons.DISTRIBUTIONS)}
    profiles, rocs = {each.name: each for each in PROFILES}, {each.name: each for each in jets.ROCS}
    found += [_spectrum(process, chosen[name], seen, look) for name in _SHOWN_SPECTRA if _any(seen, chosen[name].needs)]
    found += [
        _profile(process, profiles[name], seen, look) for name in _SHOWN_PROFILES if _any(seen, profiles[name].needs)
    ]
    found += [_roc(process, rocs[name], seen, look) for name in _SHOWN_ROCS if _any(seen, rocs[name].needs)]
    found += [_contours(process, plane, seen) for plane in PLANES if _any(seen, plane.needs)]
    return (*found, _correlations(process, seen))


def _having(seen: Sequence[Seen], needs: Sequence[str]) -> list[Seen]:
    return [each for each in seen if each.branches.issuperset(needs)]


def _any(seen: Sequence[Seen], needs: Sequence[str]) -> bool:
    return bool(_having(seen, needs))


def _caption(process: tuple[str, str], kind: str, label: str, seen: Sequence[Seen]) -> Caption:
    names = ", ".join(each.simulator for each in seen)
    return Caption(
        process[0], "objects", kind, label, f"Objects of {process[1]}: {label.replace('$', '')}, for {names}"
    )


def _spectrum(
    process: tuple[str, str], shown: Distribution, seen: Sequence[Seen], look: Mapping[str, Look]
) -> SpectrumFigure:
    edges = np.linspace(shown.low, shown.high, shown.bins + 1)
    having = _having(seen, shown.needs)
    values = [shown.values(each.objects)[0] for each in having]
    sides = []
    for each, found in zip(having, values, strict=True):
        contents = np.histogram(found, edges)[0] / max(len(found), 1)
        apart = wasserstein(found, values[0]) if len(found) and len(values[0]) else float("nan")
        outside = 1 - float(contents.sum()) if len(found) else 0.0
        sides.append((each.label, look[each.simulator], contents, len(found), apart, outside))
    label = f"{shown.label} [{shown.unit}]" if shown.unit else shown.label
    caption = _caption(process, shown.name, shown.label, having)
    return SpectrumFigure(caption, process[1], label, shown.counted, shown.log, edges, tuple(sides))


def _profile(
    process: tuple[str, str], quantity: Quantity, seen: Sequence[Seen], look: Mapping[str, Look]
) -> ProfileFigure:
    having = _having(seen, quantity.needs)
    sides = tuple((measure(quantity, each.objects, _REPLICAS), each.label, look[each.simulator]) for each in having)
    bare = replace(quantity, select=everything, statistic=rate)  # what is drawn does not measure again
    return ProfileFigure(_caption(process, quantity.name, quantity.label, having), process[1], bare, sides)


def _roc(process: tuple[str, str], roc: Roc, seen: Sequence[Seen], look: Mapping[str, Look]) -> RocFigure:
    having = _having(seen, roc.needs)
    sides = []
    for each in having:
        curve = roc.curve(each.objects)
        if curve is None:  # no jets of a flavour
            continue
        kept = np.unique(np.linspace(0, len(curve.signal) - 1, _POINTS).astype(int))
        thinned = RocCurve(curve.thresholds[kept], curve.signal[kept], curve.background[kept])
        line = "-" if each is seen[0] else look[each.simulator].line
        sides.append((thinned, each.label, replace(look[each.simulator], line=line)))
    return RocFigure(_caption(process, f"roc-{roc.name}", roc.label, having), process[1], roc.label, tuple(sides))


def _contours(process: tuple[str, str], plane: Plane, seen: Sequence[Seen]) -> ContourStudy:
    edges, contents, levels = plane.edges(), {}, {}
    having = _having(seen, plane.needs)
    for each in having:
        table = each.objects.tables[plane.table]
        chosen = table.where(plane.select(table))
        values = [axis[1](chosen) for axis in (plane.x, plane.y)]
        known = np.isfinite(values[0]) & np.isfinite(values[1])
        x, y = (value[known] for value in values)
        contents[each.simulator], levels[each.simulator] = smooth_levels(x, y, None, edges, _SMOOTHING)
    labels = {each.simulator: each.label for each in having}
    caption = _caption(process, f"contours-{plane.name}", plane.label, having)
    return ContourStudy(caption, process[1], plane.table, labels, (plane.x[0], plane.y[0]), edges, contents, levels)


def _correlations(process: tuple[str, str], seen: Sequence[Seen]) -> CorrelationStudy:
    """Of jets with a generated jet, pT > 30 GeV, |η| < 2.4; of the columns that the reference has."""
    names = [name for name in _CORRELATED if f"Jet_{name}" in seen[0].branches]
    having = _having(seen, [f"Jet_{name}" for name in names])
    matrices = {}
    for each in having:
        table = each.objects.tables["jets"]
        chosen = table.where((table["matched"] > 0) & (table["pt"] > 30) & (np.abs(table["eta"]) < 2.4))
        try:
            matrices[each.simulator] = correlation_matrix(np.stack([chosen[name] for name in names], axis=1))
        except StatisticsError:  # fewer than two jets
            matrices[each.simulator] = np.full((len(names), len(names)), np.nan)
    first = seen[0].simulator
    distances = {}
    for name in list(matrices)[1:]:
        try:
            distances[name] = matrix_distance(matrices[name], matrices[first])
        except StatisticsError:  # nothing is defined in both
            distances[name] = float("nan")
    labels = {each.simulator: each.label for each in having}
    caption = _caption(process, "correlations", "Correlations of jets", having)
    shown = tuple(_CORRELATED[name] for name in names)
    return CorrelationStudy(caption, process[1], "jets, pT > 30 GeV, |η| < 2.4", labels, shown, matrices, distances)
