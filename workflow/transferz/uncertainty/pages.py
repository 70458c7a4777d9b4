"""Prose of this room's pages, in Markdown files for authors to edit: numbers stand in braces."""

from __future__ import annotations

from pathlib import Path

DATA_FILES = ["calibration.md", "calibration_truth.md", "truth.md"]


def fill(template: str, **values: object) -> str:
    """Return one of `DATA_FILES` with its places filled, by the rules of ``str.format``."""
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    return text.removesuffix("\n").format(**values)
