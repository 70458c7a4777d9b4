"""The embedded survey: galaxies, photometry, labels and selections as the archives' own tables."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transferz.survey import cosmos2020, galaxiesml, hsc, sky, specz_compilation
from transferz.survey.imaging import COSMOS_BANDS, TARGET_BANDS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SimulatedSurvey:
    """All tables of the embedded survey.

    Attributes
    ----------
    cosmos, hsc : dict of str to numpy.ndarray
        The COSMOS2020 catalogue and the answer of the HSC archive.
    spectra : dict of str to numpy.ndarray
        The compilation of spectroscopic redshifts over COSMOS.
    galaxiesml, control : pandas.DataFrame
        All rows of the three files, with `galaxiesml.HIDDEN`.
    truth : pandas.DataFrame
        One row for each row of each table; -1 where an object is not in a catalogue.
    """

    cosmos: dict[str, np.ndarray]
    hsc: dict[str, np.ndarray]
    spectra: dict[str, np.ndarray]
    galaxiesml: pd.DataFrame
    control: pd.DataFrame
    truth: pd.DataFrame


@contextmanager
def workers(processes: int) -> Iterator[Callable]:
    """Yield a `map` over arguments, in this process or in `processes` of them."""
    if processes <= 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield lambda function, arguments: map(function, arguments)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield lambda function, arguments: pool.map(function, list(arguments))


def simulate(settings: Mapping, processes: int = 1) -> SimulatedSurvey:
    """Simulate the survey.

    Parameters
    ----------
    settings : mapping
        The section `embedded` of the configuration.
    processes : int
        The tables do not depend on it.
    """
    seed = settings["seed"]
    with threadpool_limits(limits=1):
        footprint = sky.lay_out(settings["n_transferz"], settings["transferz_density"], seed)
        # Made before the processes are, so that they share them.
        for bands in (COSMOS_BANDS, TARGET_BANDS):
            sky.light_cone(bands).expected("HSC_i", 25.0)
        cosmos2020.template_fitter()
        with workers(processes) as spread:
            objects, flux = sky.populate(footprint, settings, seed, spread)
            logger.info(
                "%d objects over %.3f square degrees of COSMOS", len(objects), footprint.hsc_area
            )
            cosmos, in_cosmos = cosmos2020.catalogue(objects, flux, footprint, seed, spread)
            logger.info("COSMOS2020: %d objects with labels", len(in_cosmos))
            deep, in_hsc = hsc.catalogue(objects, flux, footprint, settings, seed)
            logger.info("HSC: %d detections", len(in_hsc))
            n_shared = round(settings["shared_fraction"] * settings["n_transferz"])
            names = first_identifiers(in_cosmos, cosmos["ID"])
            spectra = specz_compilation.compilation(objects, flux, names, seed)
            logger.info("Spectra over COSMOS: %d redshifts", len(spectra["specz"]))
            shared = galaxiesml.shared_targets(objects, flux, deep, in_hsc, names, n_shared, seed)
            target = galaxiesml.target_table(shared, settings, seed, spread)
            logger.info(
                "GalaxiesML: %d rows, %d of them clean", len(target), (target["dirt"] == "").sum()
            )
            control = galaxiesml.control_table(settings, seed, spread)
    truth = pd.concat(
        [
            _true_objects(objects, in_hsc, in_cosmos, deep["object_id"], cosmos["ID"]),
            _true_targets(target, "galaxiesml"),
            _true_targets(control, "control"),
        ],
        ignore_index=True,
    ).rename(columns={"redshift": "redshift_true", "kind": "type"})
    return SimulatedSurvey(
        cosmos, deep, spectra, target, control, truth.fillna({"sub_survey": "", "dirt": ""})
    )


def first_identifiers(in_cosmos: np.ndarray, cosmos_id: np.ndarray) -> pd.Series:
    """Return the identifier in COSMOS2020 of each object; the first where it is torn in pieces."""
    found = pd.Series(cosmos_id, index=in_cosmos)
    return found[~found.index.duplicated()]


def _true_objects(
    objects: pd.DataFrame,
    in_hsc: np.ndarray,
    in_cosmos: np.ndarray,
    object_id: np.ndarray,
    cosmos_id: np.ndarray,
) -> pd.DataFrame:
    """Truth of the rows of HSC, and of those that only COSMOS2020 has."""
    columns = ["kind", "redshift", "magnitude_i", "ssfr"]
    seen = objects.iloc[in_hsc][columns].reset_index(drop=True)
    seen.insert(0, "object_id", object_id)
    first = first_identifiers(in_cosmos, cosmos_id)
    seen.insert(1, "cosmos_id", first.reindex(in_hsc).fillna(-1).to_numpy().astype(np.int64))
    only = ~np.isin(in_cosmos, in_hsc)
    others = objects.iloc[in_cosmos[only]][columns].reset_index(drop=True)
    others.insert(0, "object_id", -1)
    others.insert(1, "cosmos_id", cosmos_id[only])
    return pd.concat([seen.assign(file="hsc"), others.assign(file="cosmos")], ignore_index=True)


def _true_targets(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """Truth of the rows of GalaxiesML or of the control."""
    columns = ["object_id", "specz_mag_i", *galaxiesml.HIDDEN]
    names = {"redshift_true": "redshift", "specz_mag_i": "magnitude_i"}
    return table[columns].rename(columns=names).assign(file=file)
