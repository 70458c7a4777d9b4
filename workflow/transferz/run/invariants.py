"""What must hold in a finished run: each invariant a check with what was found. No TensorFlow.

Each job of a run checks its own part and fails if it is wrong. Here the parts are compared with
each other, from the files alone, as somebody would do who is given a results folder. Numbers are
derived again where that is possible: predictions from the weights, metrics from the predictions,
tables from the metrics.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.cuts import unbalanced
from transferz.catalogues.identity import same_objects
from transferz.catalogues.splits import PLAUSIBLE_MAGNITUDES, SPLITS, leaks
from transferz.core.errors import InputError
from transferz.core.products import read_parquet, sha256
from transferz.evaluation.bins import Ranges
from transferz.evaluation.metrics import KEYS, METRICS, evaluate_predictions
from transferz.evaluation.over_seeds import read_per_seed
from transferz.evaluation.predictions import check_networks
from transferz.networks.features import Scaler
from transferz.report.tables import read_cutflow
from transferz.uncertainty.scores import quantile

PLAUSIBLE_REDSHIFTS = (0.0, 12.0)
# Predictions repeated with NumPy agree with TensorFlow's but for the order of sums.
PREDICTION_TOLERANCE = 2e-3
ROWS_REPEATED = 64
PASSED, FAILED, NOTED = "passed", "FAILED", "noted"

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x >= 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class Check:
    """One invariant on one subject.

    Attributes
    ----------
    subject : str
        File or group of files.
    invariant : str
        What must hold.
    found : str
        What was found.
    result : str
        `PASSED`, `FAILED`, or `NOTED` for what a reader should know but is no mistake.
    """

    subject: str
    invariant: str
    found: str
    result: str


def check(subject: str, invariant: str, holds: bool, found: object) -> Check:
    """Return a check that passed or failed."""
    return Check(subject, invariant, str(found), PASSED if holds else FAILED)


def guarded(
    function: Callable[..., list[Check]], *arguments: object, subject: str = "", **options: object
) -> list[Check]:
    """Return the checks of `function`; a file that cannot be read is a failed check.

    It is a check on `subject`, or on the first argument.
    """
    try:
        return function(*arguments, **options)
    except (InputError, ValueError, KeyError, OSError, TypeError) as error:
        subject = subject or str(arguments[0])
        found = f"{type(error).__name__}: {error}"
        return [check(subject, "can be read and checked", False, found)]


# -------------------------------------------------------------------------------- catalogues


def check_cutflow(path: str | Path, catalogue: str | Path) -> list[Check]:
    """Check that counts in = counts out + cut, step by step down to the rows of the catalogue."""
    flow, n_rows = read_cutflow(path), len(read_parquet(catalogue, ["object_id"]))
    problems = unbalanced(flow, n_rows)
    return [
        check(
            Path(path).name,
            f"counts in = counts out + cut, down to the rows of {Path(catalogue).name}",
            not problems,
            "; ".join(problems) or f"{len(flow)} steps, {n_rows} rows",
        )
    ]


def check_catalogue(path: str | Path, bands: Sequence[str]) -> list[Check]:
    """Check identifiers, the ranges of magnitudes and redshifts, and positions."""
    table, name = read_parquet(path), Path(path).name
    checks = [
        check(
            name,
            "no object_id twice",
            not table["object_id"].duplicated().any(),
            f"{int(table['object_id'].duplicated().sum())} repeated of {len(table)}",
        )
    ]
    # The ends of a range of magnitudes are not in it, as in `splits.check_complete`.
    limits = {f"mag_{band}": (*PLAUSIBLE_MAGNITUDES, "<") for band in bands}
    limits["redshift"] = (*PLAUSIBLE_REDSHIFTS, "<=")
    limits |= {f"mag_err_{band}": (0.0, np.inf, "<=") for band in bands}
    for column, (low, high, sign) in limits.items():
        values = table[column].to_numpy(np.float64)
        within = np.less if sign == "<" else np.less_equal
        # An error may be unknown, a magnitude may not.
        bad = ~(within(low, values) & within(values, high))
        if column.startswith("mag_err_"):
            bad &= ~np.isnan(values)
        shown = f"{np.nanmin(values):.4g} to {np.nanmax(values):.4g}"
        shown += f", {int(bad.sum())} outside" if bad.any() else ""
        checks.append(check(name, f"{low:g} {sign} {column} {sign} {high:g}", not bad.any(), shown))
    placed = table[["ra", "dec"]].dropna()
    on_sky = placed["ra"].between(0, 360) & placed["dec"].between(-90, 90)
    checks.append(check(name, "positions on the sky", on_sky.all(), f"{len(placed)} positions"))
    return checks


def check_matched(path: str | Path, radius: float) -> list[Check]:
    """Check that the match is one to one and within the radius."""
    table = read_parquet(path, ["object_id", "cosmos_id", "separation"])
    twice = int(table["object_id"].duplicated().sum() + table["cosmos_id"].duplicated().sum())
    farthest = float(table["separation"].max())
    name = Path(path).name
    return [
        check(name, "one to one", twice == 0, f"{twice} identifiers twice"),
        check(name, f"separation <= {radius:g} arcsec", farthest <= radius, f"{farthest:.4f}"),
    ]


# ------------------------------------------------------------------------------------ splits


def check_splits(
    paths: Mapping[str, str | Path],
    catalogues: Mapping[str, str | Path],
    *,
    one_release: bool,
    radius: float,
) -> list[Check]:
    """Check that no object is in two splits, within a data set, across them, and in Combo.

    Parameters
    ----------
    paths, catalogues : mapping
        Split tables of source, target and combo, or of the source alone; catalogues.
    one_release, radius
        Identity of objects, see `transferz.catalogues.identity.same_objects`.
    """
    tables = {name: read_parquet(path) for name, path in paths.items()}
    checks = []
    for name, table in tables.items():
        unknown = sorted(set(table["split"]) - set(SPLITS))
        # Numbers of two catalogues may coincide where they are not of one survey.
        key = [column for column in ("dataset", "object_id") if column in table]
        twice = int(table.duplicated(key).sum())
        counts = ", ".join(f"{split} {int((table['split'] == split).sum())}" for split in SPLITS)
        checks.append(
            check(f"splits/{name}", "every row in one of the splits", not unknown, counts)
        )
        checks.append(check(f"splits/{name}", "no object twice", twice == 0, f"{twice} twice"))
    for name, path in catalogues.items():
        whole = set(read_parquet(path, ["object_id"])["object_id"])
        extra = len(set(tables[name]["object_id"]) - whole)
        missing = len(whole) - len(tables[name])
        checks.append(
            check(
                f"splits/{name}",
                "rows of the catalogue, less those that fit no split",
                extra == 0 and missing >= 0,
                f"{extra} unknown, {missing} left out of {len(whole)}",
            )
        )
    if "combo" not in tables:
        return checks
    source, target, combo = (tables[name] for name in ("source", "target", "combo"))
    identity = {"one_release": one_release, "radius": radius}
    pairs = same_objects(source, target, **identity)
    n_leaks = leaks(source, target, pairs)
    rule = "no object trained on in one data set and tested on in the other"
    found = f"{n_leaks} of {len(pairs.left)} shared objects"
    checks.append(check("splits", rule, n_leaks == 0, found))
    n_both = trained_and_tested(combo, {"source": source, "target": target}, identity)
    checks.append(
        check("splits", "nothing that Combo trains on is in a test set", n_both == 0, n_both)
    )
    return checks


def trained_and_tested(
    combo: pd.DataFrame, tables: Mapping[str, pd.DataFrame], identity: Mapping
) -> int:
    """Return how many pairs of a row that Combo trains on and a test row are one object.

    Within a data set an object is known by its identifier, across the two by `identity`.
    """
    trained = combo[combo["split"] != "test"].astype({"object_id": str})
    n_both = 0
    for name, table in tables.items():
        tested = table[table["split"] == "test"].astype({"object_id": str})
        mine = trained["dataset"] == name
        n_both += int(trained.loc[mine, "object_id"].isin(tested["object_id"]).sum())
        n_both += len(same_objects(trained[~mine], tested, **identity).left)
    return n_both


# -------------------------------------------------------------------- networks, predictions


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a model file; a ValueError tells that it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{path}: damaged ({error})") from error


def predict(arrays: Mapping[str, np.ndarray], number: int, values: np.ndarray) -> np.ndarray:
    """Predict with the `number`-th network of a model file in NumPy, double precision.

    Parameters
    ----------
    arrays : mapping
        See `read_weights`.
    number : int
    values : numpy.ndarray, shape (n, n_inputs)
        Raw inputs.

    Returns
    -------
    numpy.ndarray, shape (n,)
    """
    scaled = Scaler.from_arrays(arrays).transform(values).astype(np.float64)
    activate, layer = ACTIVATIONS[str(arrays["activation"])], scaled
    for k in range(1, len(arrays["hidden"]) + 1):
        kernel, bias = arrays[f"hidden_{k}.kernel"][number], arrays[f"hidden_{k}.bias"][number]
        layer = activate(layer @ kernel.astype(np.float64) + bias)
    if bool(arrays["skip"]) and len(arrays["hidden"]):
        layer = np.concatenate([scaled, layer], axis=1)
    output = layer @ arrays["redshift.kernel"][number] + arrays["redshift.bias"][number]
    if "median.kernel" not in arrays:
        return output[:, 0]
    # A head of classes of redshift: the median of their softmax, flat within classes.
    edges = np.concatenate([[0.0], np.cumsum(arrays["median.kernel"][number][:, 0])])
    share = np.exp(output - output.max(axis=1, keepdims=True))
    return quantile(share / share.sum(axis=1, keepdims=True), edges, 0.5)


def check_models(
    path: str | Path,
    history: str | Path,
    predictions: str | Path | None,
    tests: Mapping[str, pd.DataFrame],
) -> list[Check]:
    """Check weights and training histories, and that the predictions are those of the weights.

    Parameters
    ----------
    path, history, predictions : path-like
        Of one strategy and chunk of seeds; ensembles have no predictions of single networks.
    tests : mapping of str to pandas.DataFrame
        Test rows of each data set.
    """
    arrays, name = read_weights(path), "/".join(Path(path).parts[-2:])
    seeds = arrays["seeds"].tolist()
    weights = [key for key in arrays if key.endswith((".kernel", ".bias"))]
    finite = all(np.isfinite(arrays[key]).all() for key in weights)
    losses = pd.read_csv(history)
    epochs = losses.groupby("seed")["epoch"].agg(["min", "max", "size"])
    complete = (
        epochs.index.tolist() == sorted(seeds)
        and bool((epochs["min"] == 1).all() and (epochs["max"] == epochs["size"]).all())
        and bool(np.isfinite(losses[["loss", "val_loss"]]).all(axis=None))
    )
    checks = [
        check(name, "all weights finite", finite, f"{len(weights)} arrays of {len(seeds)} seeds"),
        check(name, "every epoch of every seed in the history", complete, f"{len(losses)} epochs"),
    ]
    if predictions is None or str(arrays["activation"]) not in ACTIVATIONS:
        return checks
    table, columns, worst = read_parquet(predictions), Scaler.from_arrays(arrays).columns, 0.0
    for (seed, dataset), rows in table.groupby(["seed", "dataset"], observed=True):
        values = tests[dataset][list(columns)].to_numpy(np.float32)
        shown = np.unique(np.linspace(0, len(values) - 1, ROWS_REPEATED).astype(int))
        again = predict(arrays, seeds.index(seed), values[shown])
        given = rows["z_pred"].to_numpy(np.float64)[shown]
        worst = max(worst, float(np.abs(again - given).max()))
    checks.append(
        check(
            name,
            f"predictions follow from the weights (within {PREDICTION_TOLERANCE:g})",
            worst <= PREDICTION_TOLERANCE,
            f"largest difference {worst:.1e} of {ROWS_REPEATED} galaxies per seed and data set",
        )
    )
    return checks


def check_training_range(path: str | Path, tests: Mapping[str, pd.DataFrame]) -> list[Check]:
    """Report how far test inputs lie outside the range that a strategy was trained on.

    A network extrapolates there; no mistake, but a reader should know.
    """
    scaler = Scaler.from_arrays(read_weights(path))
    checks = []
    for dataset, rows in tests.items():
        values = rows[list(scaler.columns)].to_numpy(np.float32)
        fraction, farthest, column = scaler.outside(values)
        found = f"{100 * fraction:.2f}% of {len(rows)} galaxies outside"
        if fraction:
            found += f", the farthest by {farthest:.2f} of its width in {column}"
        checks.append(
            Check(
                f"models/{Path(path).parent.name}",
                f"test inputs of {dataset} in the range trained on",
                found,
                NOTED if fraction else PASSED,
            )
        )
    return checks


def check_predictions(
    paths: Sequence[str | Path],
    tests: Mapping[str, pd.DataFrame],
    per_seed: str | Path,
    *,
    strategies: Sequence[str],
    seeds: Sequence[int],
    ranges: Ranges,
) -> list[Check]:
    """Check that every seed predicts exactly the test sets, and the metrics made of it."""
    subject = "predictions"
    found = evaluate_predictions(paths, ranges)
    check_networks(found, strategies, seeds, list(tests))
    checks = [
        check(
            subject,
            "every strategy, seed and data set exactly once, all values finite",
            True,
            f"{len(found)} predictions of {len(strategies)} strategies, {len(seeds)} seeds",
        )
    ]
    first = read_parquet(sorted(map(str, paths))[0])
    for dataset, rows in tests.items():
        one = first[(first["dataset"] == dataset) & (first["seed"] == first["seed"].iloc[0])]
        same = one["object_id"].astype(str).tolist() == rows["object_id"].astype(str).tolist()
        same = same and np.array_equal(one["z_true"], rows["redshift"].astype(np.float32))
        checks.append(
            check(subject, f"galaxies and redshifts of the test set of {dataset}", same, len(rows))
        )
    again = pd.DataFrame(
        [
            {"strategy": strategy, "seed": seed, "dataset": dataset} | row
            for (strategy, seed, dataset), rows in found.items()
            for row in rows
        ]
    ).sort_values(KEYS, ignore_index=True)
    written = read_per_seed(per_seed)[[*KEYS, "n", *METRICS]]
    same_rows = written[[*KEYS, "n"]].equals(
        again[[*KEYS, "n"]].astype(written[[*KEYS, "n"]].dtypes)
    )
    worst = np.inf
    if same_rows:
        difference = (written[list(METRICS)] - again[list(METRICS)]).abs().to_numpy()
        worst = float(np.nanmax(difference, initial=0.0))
        same_rows = bool(
            (written[list(METRICS)].isna() == again[list(METRICS)].isna()).all(axis=None)
        )
    checks.append(
        check(
            Path(per_seed).name,
            "metrics follow from the predictions",
            same_rows and worst <= 1e-12,
            f"{len(written)} rows, largest difference {worst:.1e}",
        )
    )
    return checks


# ------------------------------------------------------------------------------------ tables


def check_table1(path: str | Path, per_seed: str | Path, z_range: Sequence[float]) -> list[Check]:
    """Check that means and spreads of Table 1 follow from the metrics."""
    table, metrics = pd.read_csv(path), read_per_seed(per_seed)
    rows = metrics[(metrics["z_min"] == z_range[0]) & (metrics["z_max"] == z_range[1])]
    networks = rows.groupby(["dataset", "strategy"])
    grouped = networks[list(METRICS)]
    index = pd.MultiIndex.from_frame(table[["dataset", "strategy"]])
    worst = 0.0
    for name, again in (("mean", grouped.mean()), ("spread", grouped.std(ddof=1))):
        written = table[[f"{metric}_{name}" for metric in METRICS]].to_numpy(np.float64)
        difference = np.abs(written - again.reindex(index).to_numpy())
        # The spread of a single seed is unknown.
        known = np.isfinite(again.reindex(index).to_numpy())
        worst = max(worst, float(difference[known].max(initial=0.0)))
        if name == "mean" and not known.all():
            worst = np.inf
    counts = networks.agg(n_galaxies=("n", "first"), n_seeds=("seed", "size")).reindex(index)
    counts = counts.assign(z_min=z_range[0], z_max=z_range[1]).reset_index(drop=True)
    same_counts = np.array_equal(table[list(counts)].to_numpy(float), counts.to_numpy(float))
    return [
        check(
            Path(path).name,
            "range of redshift, galaxies and seeds are those of the metrics",
            same_counts and len(table) == networks.ngroups,
            f"{len(table)} rows",
        ),
        check(
            Path(path).name,
            "means and spreads follow from the metrics",
            worst <= 1e-9,
            f"{len(table)} rows, largest difference {worst:.1e}",
        ),
    ]


def check_table2(path: str | Path, cutflow: str | Path) -> list[Check]:
    """Check that Table 2 is the cut flow."""
    same = read_cutflow(path).equals(read_cutflow(cutflow))
    return [check(Path(path).name, "counts are those of the cut flow", same, Path(cutflow).name)]


# ------------------------------------------------------------------------------------- files


def check_listed_checksums(path: str | Path) -> list[Check]:
    """Check the files of a SHA256SUMS against it."""
    path = Path(path)
    lines = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = [
        name
        for digest, name in lines
        if not (path.parent / name).is_file() or sha256(path.parent / name) != digest
    ]
    found = ", ".join(wrong) or f"{len(lines)} files"
    return [check("/".join(path.parts[-2:]), "files have these checksums", not wrong, found)]


def check_unchanged(
    files: Mapping[str, str], earlier: Mapping[str, str], rewritten: Iterable[str]
) -> list[Check]:
    """Check that no file has changed since an earlier audit without having been written again.

    Parameters
    ----------
    files, earlier : mapping of path to SHA-256
        Now, and at the earlier audit.
    rewritten : iterable of str
        Files written since then, by their time stamps.
    """
    rewritten = set(rewritten)
    rotten = [
        name for name in sorted(files.keys() & earlier.keys()) if files[name] != earlier[name]
    ]
    rotten = [name for name in rotten if name not in rewritten]
    return [
        check(
            "files",
            "none changed since the last audit without being written",
            not rotten,
            ", ".join(rotten) or f"{len(files.keys() & earlier.keys())} files compared",
        )
    ]


def check_leftovers(folder: str | Path) -> list[Check]:
    """Report half-written files and checkpoints: a run that was killed and never went on."""
    patterns = (".*.partial.*", ".*.checkpoint")
    left = sorted(
        str(path.relative_to(folder))
        for pattern in patterns
        for path in Path(folder).rglob(pattern)
    )
    found = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "") or "none"
    return [Check("files", "nothing half-written", found, NOTED if left else PASSED)]
