"""What the report says of a figure: where it belongs, its name, and words for those who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flashbench.compare.plots.frame import file_safe


@dataclass(frozen=True, slots=True)
class Caption:
    """Place and words of a figure.

    Attributes:
        process: key; empty for a figure of several.
        group: section of the report, a key of `report.GROUPS`.
        kind: what it shows, part of its files' names.
        label: mathtext.
        alt: in a sentence, plain text.
    """

    process: str
    group: str
    kind: str
    label: str
    alt: str

    @property
    def name(self) -> str:
        """Stem of its files, and its anchor."""
        return "-".join(file_safe(part) for part in (self.process, self.group, self.kind) if part)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A figure in the report: its files, and what is said of it."""

    caption: Caption
    png: Path
    pdf: Path
