"""Studies that other commands wrote, for the report: their numbers as tables, their figures as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flashbench.compare.numbers import probability, with_error
from flashbench.compare.plots.caption import Caption, Exhibit
from flashbench.errors import InputError

Cells = tuple[str, ...]

_DOCUMENTS: Final = ("fit.json", "upsampling.json", "event.json", "systematics.json")


@dataclass(frozen=True, slots=True)
class Appendix:
    """One study.

    Attributes:
        schema: of its document, `flashbench.` left out.
        group: section of the report.
        heads: of the table's columns; the first `words` of them are words, the others numbers.
    """

    schema: str
    group: str
    title: str
    folder: Path
    heads: Cells
    words: int
    rows: tuple[Cells, ...]
    exhibits: tuple[Exhibit, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a document becomes a table: title, heads, number of columns of words, rows."""

    group: str
    title: Callable[[Mapping[str, Any]], str]
    heads: Cells
    words: int
    rows: Callable[[Mapping[str, Any]], Iterator[Cells]]


def _fit_rows(document: Mapping[str, Any]) -> Iterator[Cells]:
    for each in document["simulators"]:
        yield (
            each["simulator"],
            with_error(each["bias"], each["bias_error"]),
            with_error(each["toy_bias"], each["toy_bias_error"]),
            f"{each['strength_error']:.3f}",
            f"{each['significance']:.3f}",
            with_error(each["significance_shift"], each["shift_error"]),
            f"{each['limit']:.2f}",
        )


def _fold_rows(document: Mapping[str, Any]) -> Iterator[Cells]:
    for plot in document["plots"]:
        most = plot["folds"][-1]
        yield (
            plot["observable"],
            plot["region"],
            f"{most['folds']:,}",
            f"{plot['folds'][0]['mean_error']:.4g}",
            f"{most['mean_error']:.4g}",
            with_error(most["gain"], None),
            with_error(plot["plateau_gain"], None),
        )


def _closure_rows(document: Mapping[str, Any]) -> Iterator[Cells]:
    for plot in document["plots"]:
        for name, closure in plot["closures"].items():
            yield (
                plot["observable"],
                plot["region"],
                name,
                f"{closure['chi2']:.1f}/{closure['ndf']}",
                probability(closure["p_value"]),
                f"{closure['largest_deviation']:.1%}" if closure["largest_deviation"] is not None else "–",
            )


def _event_rows(document: Mapping[str, Any]) -> Iterator[Cells]:
    for passed in (*document["cuts"], *document["regions"]):
        interval = f"{passed['low']:.2%} to {passed['high']:.2%}"
        yield passed["name"], f"{passed['throws']:,}", f"{passed['fraction']:.2%}", interval


_KINDS: Final[Mapping[str, _Kind]] = {
    "flashbench.fit": _Kind(
        "fit",
        lambda d: f"Fit to {d['plan']['reference']}, {d['plan']['luminosity']:g}/fb",
        ("Simulator", "μ̂ − 1", "in toys", "σ(μ)", "Z", "Z − Z of the reference", "limit on μ"),
        1,
        _fit_rows,
    ),
    "flashbench.upsampling": _Kind(
        "upsampling",
        lambda d: f"Upsampling: {d['simulator']} on {d['process']}",
        ("Observable", "Region", "folds", "mean error, 1 fold", "with folds", "gain", "gain at the plateau"),
        2,
        _fold_rows,
    ),
    "flashbench.systematics": _Kind(
        "systematics",
        lambda d: f"Ratio method: {d['variation']} from {d['reference']} by {d['simulator']}",
        ("Observable", "Region", "Prediction", "χ²/ndf", "p", "largest deviation"),
        3,
        _closure_rows,
    ),
    "flashbench.event": _Kind(
        "upsampling",
        lambda d: f"One event: {d['event']} of {d['process']}, {d['throws']:,} throws of {d['simulator']}",
        ("Cut or region", "throws", "fraction", "68 % interval"),
        1,
        _event_rows,
    ),
}


def find_appendices(out: Path, include: Sequence[Path] = ()) -> tuple[Appendix, ...]:
    """Studies in the folders of a comparison, then in those given.

    Args:
        out: folder of the comparison; what lies in a folder of it is found.
        include: folders that `fit`, `upsample` or `systematics` wrote.

    Raises:
        InputError: a folder that is given holds no study, or a document is damaged.
    """
    own = sorted(path for path in out.iterdir() if path.is_dir() and path.name != "plots") if out.is_dir() else []
    folders = dict.fromkeys([*(path.resolve() for path in own), *(Path(path).resolve() for path in include)])
    given = {Path(path).resolve() for path in include}
    found: list[Appendix] = []
    for folder in folders:
        studies = list(_read(folder, len(found)))
        if folder in given and not studies:
            hint = "name a folder that flashbench fit, upsample or systematics wrote"
            raise InputError(str(folder), "holds no study to include", hint)
        found += studies
    return tuple(found)


def _read(folder: Path, first: int) -> Iterator[Appendix]:
    number = first
    for path in filter(Path.is_file, (folder / name for name in _DOCUMENTS)):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            kind = _KINDS.get(document.get("schema", "")) if isinstance(document, dict) else None
            if kind is None:
                continue
            title, rows = kind.title(document), tuple(kind.rows(document))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(str(path), f"is not the document of a study: {error!r}", "make it again") from error
        schema = str(document["schema"]).partition(".")[2]
        figures = tuple(_exhibits(folder / "plots", schema, kind.group, title, number))
        yield Appendix(schema, kind.group, title, folder, kind.heads, kind.words, rows, figures, document)
        number += 1


def _exhibits(plots: Path, schema: str, group: str, title: str, number: int) -> Iterator[Exhibit]:
    for png in sorted(plots.glob("*.png")):
        pdf = png.with_suffix(".pdf")
        other = group == "upsampling" and (schema == "upsampling") != png.stem.endswith("-folds")  # both in one folder
        if pdf.is_file() and not other:
            alt = f"{title}: figure {png.stem}"
            caption = Caption("", group, f"{number}-{png.stem}", png.stem.replace("$", ""), alt)
            yield Exhibit(caption, png, pdf)
