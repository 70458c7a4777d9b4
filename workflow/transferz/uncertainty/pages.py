"""Prose of this room's pages, in Markdown files for authors to edit: numbers stand in braces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transferz.report.figures import label
from transferz.report.tables import REDSHIFT_WORDS

DATA_FILES = ["calibration.md", "calibration_truth.md", "truth.md"]


def fill(template: str, **values: object) -> str:
    """Return one of `DATA_FILES` with its places filled, by the rules of ``str.format``."""
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    return text.removesuffix("\n").format(**values)


def redshift_note(redshifts: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Say which kind of redshift each data set has, and what an interval for a photo-z is.

    Parameters
    ----------
    redshifts : mapping of str to str
        `photo_z` or `spec_z`, of `source` and `target`.
    labels : mapping
        Display names.
    """
    kinds = [f"{REDSHIFT_WORDS[redshifts[role]]} in {label(role, labels)}" for role in redshifts]
    text = f"The redshifts are {' and '.join(kinds)}."
    photometric = [f"`calibrated_on: {role}`" for role in redshifts if redshifts[role] == "photo_z"]
    if photometric:
        text += (
            f" Intervals calibrated on photometric redshifts ({' or '.join(photometric)}) are "
            "intervals for such a label, not for the truth."
        )
    return text
