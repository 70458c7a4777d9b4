"""Redshift, magnitude and colour: what data sets are compared by."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from transferz.core.products import read_parquet


def read_quantities(path: str | Path, band: str, colour: tuple[str, str]) -> pd.DataFrame:
    """Return redshift, magnitude (AB) and colour (mag) of a catalogue, each in its column."""
    columns = ["redshift", *dict.fromkeys(f"mag_{name}" for name in (band, *colour))]
    table = read_parquet(path, columns)
    return pd.DataFrame(
        {
            "redshift": table["redshift"],
            "magnitude": table[f"mag_{band}"],
            "colour": table[f"mag_{colour[0]}"] - table[f"mag_{colour[1]}"],
        }
    )


def quantity_labels(band: str, colour: tuple[str, str]) -> dict[str, str]:
    """Return the label of each quantity on an axis."""
    return {
        "redshift": "Redshift",
        "magnitude": f"${band}$ magnitude (AB)",
        "colour": f"${colour[0]} - {colour[1]}$ (mag)",
    }
