"""Published claims, described in config/claims.yaml, measured and judged on a run's metrics.

The file's header states what its keys mean and how a verdict comes about; nothing in it is
executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from transferz.core.errors import InputError
from transferz.evaluation.bins import ZRange
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import (
    Estimate,
    Summary,
    ratios_by_seed,
    seed_values,
    summarise,
)
from transferz.evaluation.resampling import MAGNITUDE, SIGNED, Draws, magnitude, ratio

COMPARISONS = ("reduction", "increase", "below")
VERDICTS = ("reproduced", "partly", "not reproduced", "undecided")
# In figures and pages; markers and signs tell them apart in black and white.
VERDICT_COLOURS = dict(zip(VERDICTS, ("#228833", "#CCBB44", "#CC3311", "#6B6B6B"), strict=True))
VERDICT_MARKERS = dict(zip(VERDICTS, ("o", "^", "X", "s"), strict=True))
VERDICT_SIGNS = dict(zip(VERDICTS, "\u25cf\u25b2\u2716\u25a0", strict=True))
CSV_COLUMNS = [
    *("claim", "statement", "z_min", "z_max", "published", "accepted_low", "accepted_high"),
    *("measured", "low", "high", "verdict", "survey"),
]
# Name of the reading of a metric by true redshifts.
BY_TRUTH = "`{}`, judged by the truth"
# Where the ends of the axis are, in units of the outermost value, and at most.
MARGIN, FARTHEST = 1.25, 100.0
TICKS = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
# The rule of `verdict` in words, for pages; the head of config/claims.yaml has the same.
VERDICT_RULES = """\
- accepted: for a published ratio, published^(1 - t) to published^(1 + t) with the claim's tolerance
  t; for a published direction without a number, above 1; for a requirement, below its limit.
- direction: established if the whole interval lies above 1 (for a requirement: below its limit),
  the opposite if the whole interval lies below 1 (above its limit).
- reproduced: the measured value itself is accepted, and the direction is established.
- partly: the direction is established, and the whole interval lies outside the accepted range.
- not reproduced: the opposite direction is established.
- undecided: all else. The interval holds 1 or the limit, or the measured value is not accepted but
  the interval reaches the accepted range.
- More seeds make an interval narrower. Around the same value that can decide what was undecided; it
  turns no other verdict, and a value that is not accepted is never reproduced."""


@dataclass(frozen=True)
class Claim:
    """A published claim; see config/claims.yaml for the meaning of the keys."""

    claim: str
    statement: str
    where: str
    shown_in: str
    comparison: str
    metric: str
    dataset: str
    of: str
    against: str | None = None
    published: float | None = None
    tolerance: float = 0.2
    alternatives: tuple[str, ...] = ()

    @property
    def strategies(self) -> list[str]:
        """The strategies that it is about."""
        return [self.of] if self.against is None else [self.of, self.against]

    def text(self, labels: Mapping[str, str]) -> str:
        """Return the statement with display names."""
        names = {"of": self.of, "against": self.against or "", "dataset": self.dataset}
        text = self.statement
        for key, name in names.items():
            text = text.replace(f"{{{key}}}", labels.get(name, name))
        return text


@dataclass(frozen=True)
class Reading:
    """A number that the words of a claim may stand for, and the verdict that it would get."""

    name: str
    measured: Estimate
    verdict: str


@dataclass(frozen=True)
class Judgement:
    """A claim in a window of redshift: what was measured, and the verdict.

    Attributes
    ----------
    claim : Claim
    window : ZRange
    measured : Estimate
        Ratio or magnitude with its 95% interval.
    verdict : str
        One of `VERDICTS`.
    single : Summary or None
        The same for single networks: median (as `mean`) and central 95%.
    readings : tuple of Reading
        Other readings of the same words.
    """

    claim: Claim
    window: ZRange
    measured: Estimate
    verdict: str
    single: Summary | None = None
    readings: tuple[Reading, ...] = ()


def read_claims(
    path: str | Path,
    section: str = "claims",
    metrics: Iterable[str] = tuple(METRICS),
    **defaults: object,
) -> list[Claim]:
    """Read and check the claims of a section of the file.

    Parameters
    ----------
    path : path-like
    section : str
    metrics : iterable of str
        Those that a claim may be about.
    **defaults
        Values of keys that an entry leaves out, besides those at the head of the file.

    Raises
    ------
    InputError
        If the file is missing or not YAML, or an entry has an unknown or missing key or value.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("file not found", file=path, expected="the published claims")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        raise InputError(
            "not valid YAML", file=path, found=f"line {place.line + 1}" if place else str(error)
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get(section), list):
        raise InputError("no list of claims", file=path, key=section)
    defaults = {**(content.get("defaults") or {}), **defaults}
    claims = [
        _claim({**defaults, **entry}, path, number, tuple(metrics))
        for number, entry in enumerate(content[section], start=1)
    ]
    names = [claim.claim for claim in claims]
    for name in names:
        if names.count(name) > 1:
            raise InputError("two claims of one name", file=path, key=name)
    return claims


def _claim(
    entry: Mapping[str, object], path: Path, number: int, known_metrics: Sequence[str]
) -> Claim:
    name = str(entry.get("claim", f"entry {number}"))
    known = [field.name for field in fields(Claim)]
    for key in entry:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            raise InputError(
                "unknown key",
                file=path,
                key=f"{name}.{key}",
                expected=", ".join(known),
                fix=f"did you mean '{close[0]}'?" if close else None,
            )
    required = known[: known.index("against")]
    if entry.get("comparison") != "below":
        required.append("against")
    else:
        required.append("published")
    for key in required:
        if entry.get(key) is None:
            raise InputError("missing key", file=path, key=f"{name}.{key}")
    metrics = [entry["metric"], *(entry.get("alternatives") or ())]
    for key, values, expected in (
        ("comparison", [entry["comparison"]], COMPARISONS),
        ("metric", metrics, known_metrics),
    ):
        for value in values:
            if value not in expected:
                raise InputError(
                    "unknown value",
                    file=path,
                    key=f"{name}.{key}",
                    found=value,
                    expected=", ".join(expected),
                )
    for key in ("published", "tolerance"):
        value = entry.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError("not a number", file=path, key=f"{name}.{key}", found=repr(value))
    if not 0 <= float(entry.get("tolerance", 0)) < 1:
        raise InputError(
            "a tolerance that accepts anything",
            file=path,
            key=f"{name}.tolerance",
            found=entry["tolerance"],
            expected="0 <= tolerance < 1",
        )
    published = entry.get("published")
    if entry["comparison"] != "below" and published is not None and published <= 1.0:
        raise InputError(
            "a published ratio that contradicts its direction",
            file=path,
            key=f"{name}.published",
            found=published,
            expected="more than 1: ratios are written so that above 1 confirms the claim",
        )
    return Claim(**{**entry, "alternatives": tuple(entry.get("alternatives") or ())})


def accepted_range(claim: Claim) -> tuple[float, float]:
    """Return which values agree with the published one; see `VERDICT_RULES`.

    The tolerance is relative to the effect, log(published), so that "1.3 times" is not taken for
    confirmed by almost nothing.
    """
    if claim.comparison == "below":
        return 0.0, claim.published
    if claim.published is None:
        return 1.0, float("inf")
    return claim.published ** (1.0 - claim.tolerance), claim.published ** (1.0 + claim.tolerance)


def verdict(claim: Claim, measured: Estimate) -> str:
    """Return the verdict by `VERDICT_RULES`; without an interval (one seed) it is undecided."""
    low, high = accepted_range(claim)
    if claim.comparison == "below":
        right, wrong = measured.high < high, measured.low > high
    else:
        right, wrong = measured.low > 1.0, measured.high < 1.0
    if right and low <= measured.value <= high:
        return "reproduced"
    if right and (measured.high < low or measured.low > high):
        return "partly"
    return "not reproduced" if wrong else "undecided"


def measure(
    claim: Claim, draws: Draws, window: ZRange, column: str, judge: str = "label"
) -> Estimate:
    """Return what a claim compares, with its interval over seeds and galaxies.

    |mean of the one| / |mean of the other|, or |mean| for ``below``.

    Parameters
    ----------
    column : str
        A metric, or `MAGNITUDE` of one.
    """
    where = (claim.dataset, (window.z_min, window.z_max), judge)
    one = draws.of(column, claim.of, *where)
    if claim.comparison == "below":
        return magnitude(one)
    other = draws.of(column, claim.against, *where)
    return ratio(one, other) if claim.comparison == "increase" else ratio(other, one)


def of_single_networks(claim: Claim, per_seed: pd.DataFrame, window: ZRange) -> Summary:
    """Return the distribution over seeds of |a_k| / |b_k|, or of |a_k|."""
    values = {
        name: seed_values(per_seed, claim.metric, name, claim.dataset, (window.z_min, window.z_max))
        for name in claim.strategies
    }
    if claim.comparison == "below":
        return summarise(values[claim.of].abs())
    top, bottom = claim.against, claim.of
    if claim.comparison == "increase":
        top, bottom = bottom, top
    return ratios_by_seed(values[top], values[bottom])


def other_readings(claim: Claim, draws: Draws, window: ZRange) -> tuple[Reading, ...]:
    """Return other metrics, the mean of |metric| over seeds, the truth as judge, and NN-Base.

    The last where a requirement has ``against``: whether that strategy meets it as well.
    """
    by_truth = (claim.dataset, "truth") in draws.judges
    found = [(f"`{name}`", claim, name, "label") for name in claim.alternatives]
    if claim.metric in SIGNED:
        absolute = MAGNITUDE.format(claim.metric)
        found.append((f"mean of abs(`{claim.metric}`) over seeds", claim, absolute, "label"))
    if by_truth:
        for name in (claim.metric, *claim.alternatives):
            found.append((BY_TRUTH.format(name), claim, name, "truth"))
    if claim.comparison == "below" and claim.against is not None:
        other = replace(claim, of=claim.against)
        found.append((f"`{claim.metric}` of {claim.against}", other, claim.metric, "label"))
    readings = []
    for name, asked, column, judge in found:
        measured = measure(asked, draws, window, column, judge)
        readings.append(Reading(name, measured, verdict(asked, measured)))
    return tuple(readings)


def judge(
    claims: Sequence[Claim],
    per_seed: pd.DataFrame,
    draws: Draws,
    *,
    strategies: Sequence[str],
    windows: Sequence[ZRange],
) -> tuple[list[Judgement], list[Claim]]:
    """Judge claims on a run, each in every window.

    Parameters
    ----------
    claims : sequence of Claim
    per_seed : pandas.DataFrame
        Metrics of every network.
    draws : Draws
        Means over draws of the seeds and galaxies.
    strategies : sequence of str
        Of this run.
    windows : sequence of ZRange

    Returns
    -------
    judged : list of Judgement
        By claim, then by window.
    not_judged : list of Claim
        Claims about a strategy that the run does not have.
    """
    judged, not_judged = [], []
    for claim in claims:
        if not set(claim.strategies) <= set(strategies):
            not_judged.append(claim)
            continue
        for window in windows:
            measured = measure(claim, draws, window, claim.metric)
            single = of_single_networks(claim, per_seed, window)
            readings = other_readings(claim, draws, window)
            found = verdict(claim, measured)
            judged.append(Judgement(claim, window, measured, found, single, readings))
    return judged, not_judged


def claims_table(
    judged: Sequence[Judgement], labels: Mapping[str, str], survey: str
) -> pd.DataFrame:
    """Return claims.csv, a row per claim and window.

    `published` is empty where the paper gives a direction but no number; the accepted range then
    has no upper end.
    """
    rows = [
        (
            entry.claim.claim,
            entry.claim.text(labels),
            *(entry.window.z_min, entry.window.z_max),
            entry.claim.published,
            *accepted_range(entry.claim),
            *(entry.measured.value, entry.measured.low, entry.measured.high),
            entry.verdict,
            survey,
        )
        for entry in judged
    ]
    table = pd.DataFrame(rows, columns=CSV_COLUMNS).astype({"published": "float64"})
    return table.assign(accepted_high=table["accepted_high"].replace(float("inf"), float("nan")))


def by_window(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of claims.csv by the name of their window, in the order of the file.

    The widest window is "all z". Claims in one window only go by what they were measured on.
    """
    groups = dict(iter(table.groupby(["z_min", "z_max"], sort=False)))
    if len(groups) < 2:
        return dict(iter(table.groupby("survey", sort=False)))
    widest = max(groups, key=lambda ends: ends[1] - ends[0])
    return {window_name(ZRange(*ends, ends == widest)): rows for ends, rows in groups.items()}


def window_name(window: ZRange) -> str:
    """Return what a page calls a window: its range, or all z."""
    return "all z" if window.closed else window.text()


def drawn_values(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims with what is drawn of each: `x, x_low, x_high`, and the accepted range.

    A ratio is drawn as it is; of a requirement (accepted from 0 on), value over limit.
    """
    requirement = claims["accepted_low"] == 0
    unit = np.where(requirement, claims["accepted_high"], 1.0)
    drawn = {
        name: claims[column] / unit
        for name, column in (("x", "measured"), ("x_low", "low"), ("x_high", "high"))
    }
    return claims.assign(requirement=requirement, **drawn)


def axis_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of a panel's axis; what lies farther is drawn to the edge."""
    values = rows[["x", "x_low", "x_high"]].to_numpy(float).ravel()
    values = np.append(values, rows.loc[~rows["requirement"], ["published", "accepted_high"]])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = min(values.min(), 1.0), max(values.max(), 1.0)
    return max(low / MARGIN, 1 / FARTHEST), min(high * MARGIN, FARTHEST)
