"""Blocks of code in Markdown pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CODE = ("bash", "python", "toml")

_FENCE = re.compile(r'```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?$')
_REASON = re.compile(r"<!-- not run: (.+) -->$")
_LONG = re.compile(r"<!-- run small: (.+) -->$")
_CI = re.compile(r"<!-- ci: \w+ -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        title: file that the block is, if any.
        reason: why it is not run, if it is not.
        long: why it is run on small samples only, if it is.
        ci: whether .ci/run runs it.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str
    reason: str
    long: str
    ci: bool

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            assert not line.startswith("```"), f"{page}:{number + 1}: a fence that is not understood"
            continue
        if start is None:
            start = number
            continue
        opening = _FENCE.match(lines[start])
        assert opening
        above = lines[start - 1] if start else ""
        reason, long = _REASON.match(above), _LONG.match(above)
        title = opening["title"] or ""
        text = "\n".join(lines[start + 1 : number]) + "\n"
        why = [match[1] if match else "" for match in (reason, long)]
        found.append(Block(page, start + 1, opening["language"], title, text, *why, bool(_CI.match(above))))
        start = None
    assert start is None, f"{page}:{start}: a block that does not end"
    return found


def pages() -> list[Path]:
    """Every page of the documentation, and the README."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
