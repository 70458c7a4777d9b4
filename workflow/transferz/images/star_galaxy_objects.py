"""Which objects of the embedded survey are drawn: to learn from, and to cut TransferZ from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transferz.catalogues.cuts import correct_photometry, passes
from transferz.core.errors import InputError
from transferz.survey import hsc, sky
from transferz.survey.filters import HSC_BANDS
from transferz.survey.imaging import COSMOS_BANDS
from transferz.survey.simulate import workers

LEARNING_SAMPLES = ("train", "validation", "test")
CANDIDATE = "candidate"
OBJECT_STREAM = 82


def detections(embedded: Mapping, processes: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Make the sky of the embedded survey again, and HSC's detections on it.

    The same seeds give the same objects as the rule simulate_survey has written.

    Returns
    -------
    objects : pandas.DataFrame
        All objects of the sky.
    flux : numpy.ndarray
        Shape (n_objects, 5), grizy, microJansky, outside the Galaxy.
    detected : pandas.DataFrame
        Primary detections: ``object_id``, ``origin`` (row of `objects`), ``type``,
        ``magnitude_i``, ``extendedness``.
    """
    seed = embedded["seed"]
    with threadpool_limits(limits=1):
        footprint = sky.lay_out(embedded["n_transferz"], embedded["transferz_density"], seed)
        sky.light_cone(COSMOS_BANDS).expected("HSC_i", 25.0)
        with workers(processes) as spread:
            objects, flux = sky.populate(footprint, embedded, seed, spread)
        columns, origin = hsc.catalogue(objects, flux, footprint, embedded, seed)
    detected = pd.DataFrame(
        {
            "object_id": columns["object_id"],
            "origin": origin,
            "type": objects["kind"].to_numpy()[origin],
            "magnitude_i": objects["magnitude_i"].to_numpy()[origin],
            "extendedness": columns["i_extendedness_value"],
        }
    )
    hsc_flux = flux[:, [COSMOS_BANDS.index(f"HSC_{band}") for band in HSC_BANDS]]
    return objects, hsc_flux, detected[columns["isprimary"]].reset_index(drop=True)


def candidates(
    matched: pd.DataFrame,
    cuts: Mapping[str, Mapping | None],
    against_stars: Sequence[str],
    bands: Sequence[str],
    photometry: Mapping,
) -> pd.DataFrame:
    """Return what the cuts that are not against stars let pass, and which of the others it passes.

    Returns
    -------
    pandas.DataFrame
        ``object_id``, ``redshift`` (the label) and a boolean column of each of `against_stars`.

    Raises
    ------
    InputError
        If one of `against_stars` is not a cut of the run.
    """
    for name in against_stars:
        if cuts.get(name) is None:
            raise InputError(
                "no cut of this name",
                key="star_galaxy.against_stars",
                found=name,
                expected=", ".join(key for key, cut in cuts.items() if cut),
            )
    matched = correct_photometry(matched, bands, **photometry)
    passed = {name: passes(matched, name, cut, bands) for name, cut in cuts.items() if cut}
    others = [values for name, values in passed.items() if name not in against_stars]
    columns = {"object_id": matched["object_id"], "redshift": matched["lp_zPDF"]}
    table = pd.DataFrame(columns | {name: passed[name] for name in against_stars})
    return table[np.logical_and.reduce(others)].reset_index(drop=True)


def choose(detected: pd.DataFrame, parent: Sequence[int], settings: Mapping) -> pd.DataFrame:
    """Return the objects to draw, with ``sample`` and ``label`` (1 galaxy, 0 star).

    Candidates first: all that are not galaxies, and some galaxies. The samples to learn from are
    drawn from the rest, without quasars, which are neither.

    Parameters
    ----------
    detected : pandas.DataFrame
    parent : sequence of int
        Identifiers of the candidates of TransferZ.
    settings : mapping
        The section `star_galaxy`.

    Raises
    ------
    InputError
        If the survey has too few stars or galaxies.
    """
    rng = np.random.default_rng([OBJECT_STREAM, settings["seed"]])
    galaxy = detected["type"].isin(["blue", "red"]).to_numpy()
    of_parent = detected["object_id"].isin(parent).to_numpy()
    drawn = rng.permutation(np.flatnonzero(of_parent & galaxy))[: settings["objects"][CANDIDATE]]
    parts = [(CANDIDATE, np.concatenate([np.flatnonzero(of_parent & ~galaxy), drawn]))]
    free = detected["magnitude_i"].between(*settings["magnitude"]).to_numpy(copy=True)
    free[parts[0][1]] = False
    counts = [settings["objects"][sample] for sample in LEARNING_SAMPLES]
    for share, kind in (
        (settings["star_share"], (detected["type"] == "star").to_numpy()),
        (1.0 - settings["star_share"], galaxy),
    ):
        rows = rng.permutation(np.flatnonzero(free & kind))
        ends = np.cumsum([round(share * count) for count in counts])
        if len(rows) < ends[-1]:
            raise InputError(
                "too few objects to draw the samples from",
                key="star_galaxy.objects",
                found=f"{len(rows)} of {ends[-1]} wanted, at a star_share of "
                f"{settings['star_share']:g}",
                fix="ask for fewer, or for a larger embedded.n_transferz",
            )
        parts += list(zip(LEARNING_SAMPLES, np.split(rows[: ends[-1]], ends[:-1]), strict=True))
    rows = np.concatenate([part for _, part in parts])
    chosen = detected.iloc[rows].reset_index(drop=True)
    chosen["sample"] = np.repeat([name for name, _ in parts], [len(part) for _, part in parts])
    chosen["label"] = galaxy[rows].astype(int)
    return chosen
