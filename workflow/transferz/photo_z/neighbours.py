"""Training galaxies that look like those of a catalogue, and their redshifts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from transferz.api import Neighbours
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import stream_catalogue
from transferz.catalogues.writers import TableWriter
from transferz.core.products import atomic_path
from transferz.report.figures import SOURCE, TARGET, subplots

# Galaxies of a figure, and rows of a catalogue in memory.
DRAWN, CHUNK_ROWS = 12, 16384


def neighbours_of_catalogue(
    catalogue: str | Path,
    finder: Neighbours,
    output: str | Path,
    figure: str | Path | None,
    description: Mapping[str, object],
    number: int,
) -> dict[str, int]:
    """Write the nearest training galaxies of every galaxy of a catalogue, by pieces.

    Parameters
    ----------
    catalogue, output : path-like
        The output is Parquet: ``object_id`` and the columns of `api.Neighbours.of`, `number` rows
        for each galaxy.
    finder : api.Neighbours
    figure : path-like, optional
        Picture of the first galaxies.
    description : mapping
        ``predict.catalogue`` of the configuration.
    number : int

    Returns
    -------
    dict of str to int
        ``galaxies``, and how many of them are ``unlike`` the training galaxies.
    """
    described = CatalogueDescription.from_config(description)
    sample, columns = finder.photo_z.sample, finder.photo_z.columns
    first, counts = None, {"galaxies": 0, "unlike": 0}
    with TableWriter(output) as writer:
        for piece in stream_catalogue(
            catalogue,
            described.to_predict(sample.bands, columns),
            how=described.how,
            chunk_rows=CHUNK_ROWS,
        ):
            galaxies = described.standardised(piece, sample.bands, sample.softening)
            found = finder.of(galaxies, number)
            found.insert(0, "object_id", piece["object_id"].repeat(number))
            writer.write(found)
            first = found.head(DRAWN * number) if first is None else first
            counts["galaxies"] += len(piece)
            counts["unlike"] += int(found["flag_unlike_training"].sum()) // number
    described.warn_of_refused()
    if figure:
        draw_neighbours(first, figure)
    return counts


def draw_neighbours(found: pd.DataFrame, path: str | Path) -> None:
    """Draw the redshifts of the neighbours of a few galaxies, a row for each."""
    galaxies = list(dict.fromkeys(found["object_id"]))
    figure, axes = subplots(height=1.0 + 0.25 * len(galaxies))
    for role, colour in (("source", SOURCE), ("target", TARGET)):
        rows = found[found["neighbour_dataset"] == role]
        places = [galaxies.index(name) for name in rows["object_id"]]
        if len(rows):
            axes.plot(rows["neighbour_redshift"], places, "|", ms=10, color=colour, label=role)
    axes.set_yticks(range(len(galaxies)), [str(name) for name in galaxies])
    axes.set(xlabel="Redshift of the nearest training galaxies", ylim=(len(galaxies) - 0.5, -0.5))
    axes.legend(title="Data set")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:] or "png", bbox_inches="tight")
    plt.close(figure)
