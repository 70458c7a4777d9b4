"""GalaxiesML, drawn survey by survey from the light cone: clean rows, dirt, files.

The control has the same format, but galaxies drawn representatively to a flux limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.survey.filters import HSC_BANDS, ab_magnitude
from transferz.survey.hsc_camera import saturated
from transferz.survey.imaging import (
    COSMOS_BANDS,
    TARGET_BANDS,
    axis_ratio,
    half_light_radius,
    observe_hsc,
    parent_magnitudes,
)
from transferz.survey.sky import light_cone, stream
from transferz.survey.skymap import number_objects
from transferz.survey.spectroscopic_surveys import SPECTROSCOPIC_SURVEYS

CHUNK = 1024

DIRT = ("flag", "large_error", "zero_error", "star", "beyond", "nan", "inf", "-99", "-99.9",
        "repeated_name", "several_redshifts")  # fmt: skip
"""What is wrong with a dirty row of GalaxiesML; every kind occurs in every file set."""

MAGNITUDES = [f"{band}_cmodel_mag" for band in HSC_BANDS]
HIDDEN = ["sub_survey", "kind", "redshift_true", "cosmos_id", "dirt"]
"""Columns of the truth, which the files do not have."""


def _draw_target(seed: int, name: str, number: int, chunk: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Targets of a spectroscopic survey among a chunk of candidates."""
    survey, cone = SPECTROSCOPIC_SURVEYS[name], light_cone(TARGET_BANDS)
    rng = stream(seed, "target", number, chunk)
    if survey.population == "quasars":
        drawn, flux = cone.draw_quasars(CHUNK, rng, faint=survey.limit)
    else:
        drawn, flux = cone.draw(CHUNK, survey.band, survey.limit, rng, survey.search)
    magnitudes = parent_magnitudes(flux, TARGET_BANDS, rng)
    redshift = drawn["redshift"].to_numpy()
    kept = survey.select(magnitudes) & (rng.random(CHUNK) < survey.success(magnitudes, redshift))
    kept &= (redshift > max(survey.z_range[0], 0.0105)) & (redshift < survey.z_range[1])
    return _describe_target(drawn, flux, kept, name, rng)


def _draw_control(seed: int, limit: float, chunk: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Galaxies of the control among a chunk of candidates."""
    rng = stream(seed, "control", chunk)
    drawn, flux = light_cone(TARGET_BANDS).draw(CHUNK, "HSC_i", limit, rng)
    kept = (ab_magnitude(flux[:, 2]) < limit) & (drawn["redshift"].to_numpy() > 0.0105)
    return _describe_target(drawn, flux, kept, "control", rng)


def _describe_target(
    drawn: pd.DataFrame, flux: np.ndarray, kept: np.ndarray, name: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    rows = drawn.loc[kept, ["kind", "redshift"]].reset_index(drop=True)
    flux = flux[kept][:, : len(HSC_BANDS)]
    rows["magnitude_i"] = ab_magnitude(flux[:, 2])
    radius = half_light_radius(rows["magnitude_i"].to_numpy(), rng)
    rows["radius"] = np.where(rows["kind"] == "quasar", 0.0, radius)
    return rows.assign(sub_survey=name, cosmos_id=-1), flux


def draw_targets(
    sizes: Mapping[str, float], n: int, seed: int, spread: Callable
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw `n` spectroscopic targets, each survey's share in proportion to `sizes`."""
    names = sorted(sizes)
    unknown = [name for name in names if name not in SPECTROSCOPIC_SURVEYS]
    if unknown:
        raise InputError(
            "unknown spectroscopic survey",
            key=f"embedded.spectroscopic_surveys.{unknown[0]}",
            expected=", ".join(SPECTROSCOPIC_SURVEYS),
        )
    numbers = {name: number for number, name in enumerate(SPECTROSCOPIC_SURVEYS)}
    quotas = apportion([sizes[name] for name in names], n)
    return _draw_enough(
        {(_draw_target, seed, name, numbers[name]): quota
         for name, quota in zip(names, quotas, strict=True) if quota},
        spread,
    )  # fmt: skip


def draw_control(
    limit: float, n: int, seed: int, spread: Callable
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw `n` galaxies to a flux limit with nothing else asked of them."""
    return _draw_enough({(_draw_control, seed, limit): n}, spread)


def _draw_enough(quotas: Mapping[tuple, int], spread: Callable) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw chunks until there are enough of each sample; a sample is a function and arguments.

    What a sample has does not depend on how many chunks are drawn beyond its quota.
    """
    done: dict[tuple, list] = {sample: [] for sample in quotas}
    while True:
        tasks = []
        for sample, parts in done.items():
            have = sum(len(part[0]) for part in parts)
            if have < quotas[sample]:
                rate = max(have / max(len(parts), 1), 1.0)
                more = int(np.ceil(1.05 * (quotas[sample] - have) / rate)) if parts else 1
                tasks += [(*sample, len(parts) + k) for k in range(min(more, 400))]
        if not tasks:
            break
        for task, part in zip(tasks, spread(_draw_chunk, tasks), strict=True):
            done[task[:-1]].append(part)
    tables = [pd.concat([p[0] for p in done[sample]]).head(n) for sample, n in quotas.items()]
    fluxes = [np.concatenate([p[1] for p in done[sample]])[:n] for sample, n in quotas.items()]
    return pd.concat(tables, ignore_index=True), np.concatenate(fluxes)


def _draw_chunk(task: tuple) -> tuple[pd.DataFrame, np.ndarray]:
    draw, *arguments = task
    return draw(*arguments)


def apportion(weights: Iterable[float], n: int) -> list[int]:
    """Whole numbers that add to `n`, in proportion to `weights` (largest remainders)."""
    exact = np.array(list(weights), dtype=float)
    exact *= n / exact.sum()
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: n - whole.sum()]] += 1
    return whole.tolist()


def galaxiesml_rows(
    targets: pd.DataFrame, flux: np.ndarray, settings: Mapping, rng: np.random.Generator
) -> pd.DataFrame:
    """Clean rows in GalaxiesML's columns, with HSC Wide photometry; `object_id` is a row number.

    Left out are rows whose photometry failed in a band and, as the usual quality flags have it,
    those whose central pixel saturates in one: the bright limit of the survey.

    Parameters
    ----------
    targets : pandas.DataFrame
        `kind`, `redshift`, `magnitude_i`, `radius`, `sub_survey` and `cosmos_id`; `ra` and `dec` of
        those that are in COSMOS2020 (-1: not there).
    flux : numpy.ndarray
        Shape (n, 5), microJansky.
    """
    n = len(targets)
    redshift = targets["redshift"].to_numpy()
    where = _whereabouts(targets, rng)
    ra, dec = where["ra"].to_numpy(), where["dec"].to_numpy()
    # Galactic dust at these latitudes: 0.02-0.08 in most of the Wide layer.
    ebv = np.exp(rng.normal(np.log(0.035), 0.35, n))
    radius = targets["radius"].to_numpy()
    depth, exposure = settings["depth"]["wide"], settings["exposure"]["wide"]
    photometry = observe_hsc(flux, ebv, radius, depth, exposure, rng)
    error = where["relative_error"].to_numpy() * (1 + redshift)
    error = error * np.exp(rng.normal(0.0, 0.25, n))
    rows = {
        "object_id": np.arange(n, dtype=np.int64),
        "specz_redshift": np.round(redshift + rng.normal(0.0, 1.0, n) * error, 6),
        "specz_redshift_err": np.round(error, 8),
        "specz_name": [
            f"{start}-{number:09d}"
            for start, number in zip(where["prefix"], 100000000 + 13 * np.arange(n), strict=True)
        ],
        "specz_ra": np.round(ra + rng.normal(0, 0.1, n) / 3600.0, 7),
        "specz_dec": np.round(dec + rng.normal(0, 0.1, n) / 3600.0, 7),
        "specz_mag_i": np.round(targets["magnitude_i"] + rng.normal(0, 0.05, n), 4),
        "specz_flag_homogeneous": np.ones(n, dtype=bool),
        "ra": np.round(ra + rng.normal(0, 0.02, n) / 3600.0, 7),
        "dec": np.round(dec + rng.normal(0, 0.02, n) / 3600.0, 7),
        "skymap_id": (90000000 + rng.integers(0, 9999999, n)).astype(np.int64),
    }
    for number, band in enumerate(HSC_BANDS):
        rows[f"{band}_cmodel_mag"] = np.round(photometry.magnitude[:, number], 5)
        rows[f"{band}_cmodel_magsigma"] = np.round(photometry.sigma[:, number], 6)
    table = pd.DataFrame(rows | _shapes(targets, rng)).assign(
        sub_survey=targets["sub_survey"].to_numpy().astype(str),
        kind=targets["kind"].to_numpy().astype(str),
        redshift_true=redshift,
        cosmos_id=targets["cosmos_id"].to_numpy(np.int64),
    )
    magnitudes = table[MAGNITUDES].to_numpy()
    good = ~saturated(flux, radius, table["kind"].to_numpy()).any(axis=1)
    good &= np.isfinite(magnitudes).all(axis=1) & (magnitudes > 0).all(axis=1)
    good &= (magnitudes < 50).all(axis=1) & (table["specz_redshift"] > 0.0101).to_numpy()
    good &= (error < 0.0045 * (1 + redshift)) & (table["specz_redshift"] < 3.999).to_numpy()
    return table[good].assign(dirt="").reset_index(drop=True)


def _whereabouts(targets: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Position of each target, error and prefix of its spectroscopic survey."""
    sub_survey = targets["sub_survey"].to_numpy().astype(str)
    n = len(targets)
    ra, dec, relative_error = np.empty(n), np.empty(n), np.empty(n)
    prefix = np.empty(n, dtype=object)
    for name in sorted(set(sub_survey)):
        survey = SPECTROSCOPIC_SURVEYS.get(name, SPECTROSCOPIC_SURVEYS["sdss_main"])
        here = sub_survey == name
        ra[here], dec[here] = _positions(survey.fields, int(here.sum()), rng)
        relative_error[here] = survey.error
        prefix[here] = survey.prefix if name in SPECTROSCOPIC_SURVEYS else "CONTROL"
    if "ra" in targets:
        known = targets["cosmos_id"].to_numpy() >= 0
        ra, dec = np.where(known, targets["ra"], ra), np.where(known, targets["dec"], dec)
    return pd.DataFrame({"ra": ra, "dec": dec, "relative_error": relative_error, "prefix": prefix})


def _shapes(targets: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Half-light radius (pixels), ellipticity and Sersic index in each band."""
    n, radius = len(targets), targets["radius"].to_numpy()
    flatness = 1.0 - axis_ratio(n, rng)
    index = np.where(targets["kind"] == "red", rng.normal(3.8, 0.9, n), rng.normal(1.2, 0.4, n))
    columns = {}
    for band in HSC_BANDS:
        size = np.maximum(radius, 0.25) * np.exp(rng.normal(0.0, 0.08, n))
        flattening = np.clip(flatness + rng.normal(0, 0.02, n), 0, 0.95)
        sersic = np.clip(index + rng.normal(0, 0.1, n), 0.4, 6.5)
        columns[f"{band}_half_light_radius"] = np.round(size / 0.168, 3)
        columns[f"{band}_ellipticity"] = np.round(flattening, 4)
        columns[f"{band}_sersic_index"] = np.round(sersic, 3)
    return columns


def _positions(
    fields: Sequence[tuple[float, float, float, float]], n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    areas = np.array([(box[1] - box[0]) * (box[3] - box[2]) for box in fields])
    chosen = rng.choice(len(fields), n, p=areas / areas.sum())
    box = np.array(fields)[chosen]
    ra = box[:, 0] + (box[:, 1] - box[:, 0]) * rng.random(n)
    dec = box[:, 2] + (box[:, 3] - box[:, 2]) * rng.random(n)
    return ra, dec


def soil(table: pd.DataFrame, fraction: float, rng: np.random.Generator) -> pd.DataFrame:
    """Add rows that a careful reader must drop.

    Each is a copy of a clean row with an identifier of its own and one fault; `several_redshifts`
    also spoils the row it repeats, and `repeated_name` follows the row whose name it repeats. The
    dirty rows are a `fraction` of the clean ones, at least two of each kind.
    """
    per_kind = max(2, round(fraction * len(table) / len(DIRT)))
    table = table.assign(order=rng.permutation(len(table)).astype(float))
    free = rng.permutation(len(table))
    parts = [table]
    next_id = 1 + table["object_id"].max()
    for kind_number, kind in enumerate(DIRT):
        rows = np.take(free, np.arange(per_kind) + kind_number * per_kind, mode="wrap")
        part = table.iloc[rows].copy()
        part["dirt"] = kind
        part["order"] += 0.5
        n = len(part)
        if kind != "several_redshifts":
            part["object_id"] = next_id + np.arange(n)
            part["cosmos_id"] = -1
            next_id += n
            part["ra"] += rng.choice([-1, 1], n) * rng.uniform(1.2, 2.5, n) / 3600.0
        if kind != "repeated_name":
            part["specz_name"] = part["specz_name"] + f"-{kind_number}"
        _spoil(part, kind, rng)
        parts.append(part)
    spoiled = set(parts[-1]["object_id"])
    soiled = pd.concat(parts, ignore_index=True).sort_values("order", kind="stable")
    soiled.loc[soiled["object_id"].isin(spoiled), "dirt"] = "several_redshifts"
    return soiled.drop(columns="order").reset_index(drop=True)


def _spoil(part: pd.DataFrame, kind: str, rng: np.random.Generator) -> None:
    """Give all rows of `part` the fault `kind`, in place."""
    spread = rng.random(len(part))
    z = part["specz_redshift"]
    if kind == "flag":
        part["specz_flag_homogeneous"] = False
        part["specz_redshift"] = np.round(4.0 * spread, 5)
    elif kind == "large_error":
        part["specz_redshift_err"] = 0.0075 * (1.0 + z)
        part["specz_name"] = "PRIMUS-" + part["specz_name"]
    elif kind == "zero_error":
        part["specz_redshift_err"] = np.where(spread < 0.5, 0.0, 1.5)
    elif kind == "star":
        part["specz_redshift"] = np.round(0.002 * (spread - 0.5), 6)
    elif kind == "beyond":
        part["specz_redshift"] = np.round(4.01 + 3 * spread, 5)
    elif kind == "several_redshifts":
        part["specz_redshift"] = np.round(z * (1 + 0.3 * spread), 5)
    elif kind == "repeated_name":
        for name in MAGNITUDES:
            part[name] += rng.uniform(0.5, 2.5, len(part))
    else:
        column = rng.integers(0, len(HSC_BANDS), len(part))
        for number, name in enumerate(MAGNITUDES):
            part.loc[column == number, name] = float(kind)


def numbered(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return rows with HSC's identifiers in place of row numbers; equal ones stay equal."""
    _, first, object_number = np.unique(table["object_id"], return_index=True, return_inverse=True)
    ra, dec = (table[name].to_numpy()[first] for name in ("ra", "dec"))
    return table.assign(object_id=number_objects(ra, dec, rng)[object_number])


def assign_files(table: pd.DataFrame, fractions: Sequence[float]) -> np.ndarray:
    """Return the file (0, 1, 2) of each row of a shuffled table; dirt follows its origin."""
    clean = (table["dirt"] == "").to_numpy()
    rank = np.maximum(np.cumsum(clean) - 1, 0)
    edges = np.cumsum(apportion(fractions, int(clean.sum())))[:-1]
    return np.searchsorted(edges, rank, side="right")


def shared_targets(
    objects: pd.DataFrame,
    flux: np.ndarray,
    hsc: Mapping[str, np.ndarray],
    origin: np.ndarray,
    cosmos_id: pd.Series,
    n: int,
    seed: int,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Galaxies of the simulated COSMOS field that zCOSMOS or 3D-HST has a redshift of.

    `origin` is the row of `objects` behind each row of `hsc`, `cosmos_id` the identifier in
    COSMOS2020 by row of `objects`.
    """
    rng = stream(seed, "target", len(SPECTROSCOPIC_SURVEYS))
    candidates = np.flatnonzero(
        hsc["isprimary"]
        & np.isin(origin, cosmos_id.index)
        & objects["kind"].isin(["red", "blue"]).to_numpy()[origin]
    )
    rows = origin[candidates]
    bands = ("HSC_i", "UVISTA_H")
    magnitudes = parent_magnitudes(
        flux[rows][:, [COSMOS_BANDS.index(band) for band in bands]], bands, rng
    )
    redshift = objects["redshift"].to_numpy()[rows]
    found = np.full(len(rows), "", dtype=object)
    for name in ("3dhst", "zcosmos"):
        survey = SPECTROSCOPIC_SURVEYS[name]
        with np.errstate(invalid="ignore"):
            kept = survey.select(magnitudes)
        kept &= rng.random(len(rows)) < survey.success(magnitudes, redshift)
        kept &= (redshift > 0.011) & (redshift < survey.z_range[1])
        # zCOSMOS covers the field; 3D-HST has a tenth of it.
        found[kept & (rng.random(len(rows)) < (1.0 if name == "zcosmos" else 0.1))] = name
    usable = np.flatnonzero(found != "")
    chosen = np.sort(rng.choice(usable, min(n, len(usable)), replace=False))
    table = objects.iloc[rows[chosen]][["kind", "redshift", "magnitude_i", "radius"]]
    table = table.reset_index(drop=True)
    table["sub_survey"] = found[chosen].astype(str)
    table["cosmos_id"] = cosmos_id.loc[rows[chosen]].to_numpy()
    table["ra"], table["dec"] = hsc["ra"][candidates[chosen]], hsc["dec"][candidates[chosen]]
    columns = [COSMOS_BANDS.index(f"HSC_{band}") for band in HSC_BANDS]
    return table, flux[rows[chosen]][:, columns]


def target_table(
    shared: tuple[pd.DataFrame, np.ndarray], settings: Mapping, seed: int, spread: Callable
) -> pd.DataFrame:
    """Make GalaxiesML: `shared` targets and others, exactly as many clean rows as asked, and dirt.

    Raises
    ------
    InputError
        If too few targets are left.
    """
    # More than asked for: photometry fails, bright rows saturate (15% of a survey as bright as
    # SDSS's main sample), and dirt spoils clean rows.
    wanted, dirt = settings["n_galaxiesml"], settings["dirt_fraction"]
    extra = 20 + round((0.2 + dirt / len(DIRT)) * wanted)
    sizes = {name: size for name, size in settings["spectroscopic_surveys"].items() if size}
    targets, flux = draw_targets(sizes, wanted + extra, seed, spread)
    clean = galaxiesml_rows(
        pd.concat([shared[0], targets], ignore_index=True),
        np.concatenate([shared[1], flux]),
        settings,
        stream(seed, "clean", 0),
    )
    clean = _exactly(clean, wanted, dirt, stream(seed, "clean", 1))
    soiled = soil(clean, dirt, stream(seed, "dirt", 0))
    return numbered(soiled, stream(seed, "identifiers", 1))


def control_table(settings: Mapping, seed: int, spread: Callable) -> pd.DataFrame:
    """Make the control: galaxies to a flux limit, those that HSC Wide detects.

    Raises
    ------
    InputError
        If too few are detected.
    """
    wanted, limit = settings["n_control"], settings["faint_limit"]
    free, flux = draw_control(limit, wanted + 20 + wanted // 4, seed, spread)
    free = galaxiesml_rows(free, flux, settings, stream(seed, "clean", 2))
    # What HSC detects at 5 sigma in i, as in TransferZ's photometry.
    free = free[free["i_cmodel_magsigma"] < 0.217].head(wanted)
    if len(free) < wanted:
        raise InputError(
            "HSC Wide detects too few galaxies of the control",
            key="embedded.faint_limit",
            found=limit,
            expected="a limit above the Wide layer's depth",
            fix="choose a brighter limit",
        )
    return numbered(free.reset_index(drop=True), stream(seed, "identifiers", 2))


def _exactly(
    clean: pd.DataFrame, wanted: int, dirt: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Keep as many rows as leave `wanted` once dirt has spoiled its share.

    The rows in common with COSMOS come first and stay.
    """
    n = wanted
    for _ in range(5):
        n = wanted + max(2, round(dirt * n / len(DIRT)))
    if len(clean) < n:
        raise InputError(
            "too few spectroscopic targets survived the photometry",
            key="embedded.n_galaxiesml",
            found=len(clean),
            expected=n,
        )
    shared = clean["cosmos_id"].to_numpy() >= 0
    others = rng.permutation(np.flatnonzero(~shared))[: n - int(shared.sum())]
    return clean.iloc[np.sort(np.concatenate([np.flatnonzero(shared), others]))].reset_index(
        drop=True
    )
