"""An ensemble applied to a whole catalogue, in constant memory."""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import time
from collections.abc import Mapping, Sequence
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import pandas as pd

from transferz import __version__
from transferz.api import FLAGS, REDSHIFTS, PhotoZ
from transferz.catalogues.columns import CARRIED
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.reading import stream_catalogue
from transferz.catalogues.writers import DistributionWriter, TableWriter
from transferz.core.errors import InputError
from transferz.networks.ensemble import Ensemble
from transferz.networks.tensorflow import configure_tensorflow
from transferz.photo_z.output import counter
from transferz.uncertainty.calibration_sample import CalibrationSample

logger = logging.getLogger(__name__)

# Classes of redshift of written distributions: steps of 0.02 to z = 6, the rest in the last.
PDF_EDGES = np.arange(301) / 50.0
PROGRESS_SECONDS = 10.0
SAMPLED_ROWS = 100_000


def predict_catalogue(
    catalogue: str | Path,
    models: Sequence[str | Path],
    sample: str | Path,
    photo_z: str | Path,
    pdf: str | Path | None = None,
    *,
    description: Mapping[str, object],
    strategy: str,
    seeds: Sequence[int] | None,
    chunk_rows: int,
    threads: int,
    partition: str | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Write photometric redshifts for a catalogue, reading, predicting and writing by pieces.

    Parameters
    ----------
    catalogue, models, sample, photo_z, pdf : path-like
        See the script predict_catalogue; `pdf` None: no distributions.
    description : mapping
        ``predict.catalogue`` of the configuration.
    strategy : str
        For the metadata of the output.
    seeds : sequence of int or None
        Members of the ensemble to use; all by default.
    chunk_rows : int
        Rows in memory at a time; changes no number.
    threads : int
    partition : str, optional
        See `stream_catalogue`.
    progress : bool
        Show on a terminal how many galaxies are done.

    Returns
    -------
    dict of str to float
        Rows, and rows with each flag.
    """
    configure_tensorflow(threads)
    estimator = PhotoZ(Ensemble.load(models, seeds), CalibrationSample.load(sample))
    bands = estimator.sample.bands
    described = CatalogueDescription.from_config(description)
    columns = described.to_predict(bands, estimator.columns)
    taken = sorted({"object_id", *REDSHIFTS, *FLAGS} & set(described.extra_columns))
    if taken:
        raise InputError(
            "a name of the output's own",
            key=f"{described.key}.extra_columns",
            found=taken[0],
            expected="another name",
        )
    carried = {"object_id": "object_id"}
    carried |= {CARRIED + new: new for new in described.extra_columns}
    counts_in_classes, _ = np.histogram(estimator.sample.z_true, PDF_EDGES)
    anywhere = counts_in_classes / counts_in_classes.sum()
    metadata = {
        "strategy": strategy,
        "networks": str(len(estimator.ensemble.seeds)),
        "calibrated_on": Path(sample).stem,
        "trained_on": json.dumps(estimator.sample.trained_on),
        "transferz": __version__,
    }
    if estimator.sample.trained_on.get("survey") == "embedded":
        logger.warning(
            "The networks were trained on the embedded survey: simulated galaxies, not real ones"
        )
    counts = dict.fromkeys(("rows", *FLAGS, "without"), 0)
    begin = last = time.monotonic()
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(TableWriter(photo_z, metadata))
        pdfs = stack.enter_context(DistributionWriter(pdf, PDF_EDGES)) if pdf else None
        bar = stack.enter_context(counter(progress))
        for piece in stream_catalogue(
            catalogue,
            columns,
            how=described.how,
            chunk_rows=chunk_rows,
            partition=partition,
        ):
            galaxies = described.standardised(piece, bands, estimator.sample.softening)
            result, shares = estimator.predict(galaxies, edges=PDF_EDGES if pdfs else [])
            output.write(piece[list(carried)].rename(columns=carried).join(result))
            if pdfs:
                # Of a galaxy without any band nothing is known but where others are.
                shares[result["z_median"].isna()] = anywhere
                pdfs.write(piece["object_id"].to_numpy(), shares)
            counts["rows"] += len(piece)
            counts["without"] += int(result["z_median"].isna().sum())
            for flag in FLAGS:
                counts[flag] += int(result[flag].sum())
            bar(len(piece))
            if not progress and time.monotonic() - last > PROGRESS_SECONDS:
                last = time.monotonic()
                rate = counts["rows"] / (last - begin)
                logger.info("%d galaxies, %.0f per second", counts["rows"], rate)
    described.warn_of_refused()
    logger.info(
        "%s: %d galaxies; out of distribution %d, with a non-detection %d, with a missing band %d, "
        "without any band %d",
        catalogue,
        *counts.values(),
    )
    return counts


def sampled_catalogue(
    catalogue: str | Path,
    models: Sequence[str | Path],
    sample: str | Path,
    *,
    description: Mapping[str, object],
    seeds: Sequence[int] | None,
    threads: int,
    most: int = SAMPLED_ROWS,
) -> tuple[PhotoZ, pd.DataFrame]:
    """Return an estimator, and galaxies of a catalogue that are evenly spaced over its rows.

    Parameters
    ----------
    catalogue, models, sample, description, seeds, threads
        See `predict_catalogue`.
    most : int
        Galaxies at most: what n(z) needs, of a catalogue of any size.

    Returns
    -------
    PhotoZ
    pandas.DataFrame
        With the columns of the estimator.
    """
    configure_tensorflow(threads)
    estimator = PhotoZ(Ensemble.load(models, seeds), CalibrationSample.load(sample))
    bands = estimator.sample.bands
    described = CatalogueDescription.from_config(description)
    columns = described.to_predict(bands, estimator.columns)
    step, first, parts = 1, 0, []
    for piece in stream_catalogue(catalogue, columns, how=described.how):
        galaxies = described.standardised(piece, bands, estimator.sample.softening)[
            list(estimator.columns)
        ]
        galaxies.index = pd.RangeIndex(first, first + len(galaxies))
        first += len(galaxies)
        parts.append(galaxies[galaxies.index % step == 0])
        while sum(map(len, parts)) > most:
            step *= 2
            parts = [part[part.index % step == 0] for part in parts]
    described.warn_of_refused()
    logger.info("%s: %d of %d galaxies, evenly spaced", catalogue, sum(map(len, parts)), first)
    return estimator, pd.concat(parts, ignore_index=True)


def measure(arguments: Mapping[str, object], queue: Queue) -> None:
    """Predict a catalogue in a process of its own; tell rows, seconds and peak memory in MB."""
    begin = time.monotonic()
    counts = predict_catalogue(**arguments)
    seconds = time.monotonic() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    queue.put((counts["rows"], seconds, peak))
