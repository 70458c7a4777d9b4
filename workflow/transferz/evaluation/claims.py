"""Published claims, described in config/claims.yaml, measured and judged on a run's metrics.

The file's header states what its keys mean and how a verdict comes about; nothing in it is
executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
import yaml

from transferz.core.errors import InputError
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import (
    Estimate,
    Summary,
    mean_magnitude,
    ratio_of_means,
    ratios_by_seed,
    seed_values,
    summarise,
)
from transferz.report.tables import markdown_table, significant, survey_note, with_interval

COMPARISONS = ("reduction", "increase", "below")
VERDICTS = ("reproduced", "partly", "not reproduced")
CSV_COLUMNS = [
    "claim",
    "statement",
    "published",
    "measured",
    "low",
    "high",
    "verdict",
    "survey",
]


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
    z_range: tuple[float, float] | None = None
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
class Judgement:
    """A claim, what was measured, and the verdict.

    Attributes
    ----------
    claim : Claim
    measured : Estimate
        Ratio or magnitude with its 95% interval over seeds.
    single : Summary
        The same for single networks: median (as `mean`) and central 95%.
    verdict : str
        One of `VERDICTS`.
    alternatives : dict of str to Estimate
        By metric.
    """

    claim: Claim
    measured: Estimate
    single: Summary
    verdict: str
    alternatives: dict[str, Estimate]


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
    if entry["comparison"] != "below" and (entry.get("published") or 2.0) <= 1.0:
        raise InputError(
            "a published ratio that contradicts its direction",
            file=path,
            key=f"{name}.published",
            found=entry["published"],
            expected="more than 1: ratios are written so that above 1 confirms the claim",
        )
    z_range = entry.get("z_range")
    return Claim(
        **{
            **entry,
            "z_range": tuple(z_range) if z_range else None,
            "alternatives": tuple(entry.get("alternatives") or ()),
        }
    )


def measure(
    claim: Claim, per_seed: pd.DataFrame, metric: str, z_range: Sequence[float]
) -> tuple[Estimate, Summary]:
    """Return what a claim compares, for all seeds together and for single networks.

    Returns
    -------
    estimate : Estimate
        |mean of the one| / |mean of the other| (`over_seeds.ratio_of_means`), or |mean| for
        ``below``.
    single : Summary
        Distribution over seeds of |a_k| / |b_k|, or of |a_k|.
    """
    values = {
        name: seed_values(per_seed, metric, name, claim.dataset, claim.z_range or z_range)
        for name in claim.strategies
    }
    if claim.comparison == "below":
        return mean_magnitude(values[claim.of]), summarise(values[claim.of].abs())
    top, bottom = claim.against, claim.of
    if claim.comparison == "increase":
        top, bottom = bottom, top
    return ratio_of_means(values[top], values[bottom]), ratios_by_seed(values[top], values[bottom])


def accepted_range(claim: Claim) -> tuple[float, float] | None:
    """Return which ratios agree in size with the published one; None if none was published.

    The tolerance is relative to the effect, log(published), so that "1.3 times" is not taken for
    confirmed by almost nothing: published^(1 - tolerance) to published^(1 + tolerance).
    """
    if claim.published is None:
        return None
    return claim.published ** (1.0 - claim.tolerance), claim.published ** (1.0 + claim.tolerance)


def verdict(claim: Claim, measured: Estimate) -> str:
    """Return `reproduced`, `partly` or `not reproduced`; rules in config/claims.yaml.

    Without an interval (one seed) a direction is not established.
    """
    if claim.comparison == "below":
        if measured.high < claim.published:
            return "reproduced"
        return "partly" if measured.value < claim.published else "not reproduced"
    direction = measured.low > 1.0
    accepted = accepted_range(claim)
    if accepted is None:
        return VERDICTS[0] if direction else VERDICTS[2]
    # A wide interval touches everything: without an established direction the value itself counts.
    low, high = (measured.low, measured.high) if direction else (measured.value, measured.value)
    size = low <= accepted[1] and high >= accepted[0]
    return VERDICTS[2 - int(direction) - int(size)]


def judge(
    claims: Sequence[Claim],
    per_seed: pd.DataFrame,
    *,
    strategies: Sequence[str],
    z_range: Sequence[float],
) -> tuple[list[Judgement], list[Claim]]:
    """Judge claims on a run.

    Parameters
    ----------
    claims : sequence of Claim
    per_seed : pandas.DataFrame
        Metrics of every network.
    strategies : sequence of str
        Of this run.
    z_range : pair of float
        Range of redshift of claims that give none.

    Returns
    -------
    judged : list of Judgement
    not_judged : list of Claim
        Claims about a strategy that the run does not have.
    """
    judged, not_judged = [], []
    for claim in claims:
        if not set(claim.strategies) <= set(strategies):
            not_judged.append(claim)
            continue
        measured, single = measure(claim, per_seed, claim.metric, z_range)
        others = {
            metric: measure(claim, per_seed, metric, z_range)[0] for metric in claim.alternatives
        }
        judged.append(Judgement(claim, measured, single, verdict(claim, measured), others))
    return judged, not_judged


def claims_table(
    judged: Sequence[Judgement], labels: Mapping[str, str], survey: str
) -> pd.DataFrame:
    """Return claims.csv; `published` is empty where the paper gives a direction but no number."""
    rows = [
        (
            entry.claim.claim,
            entry.claim.text(labels),
            entry.claim.published,
            entry.measured.value,
            entry.measured.low,
            entry.measured.high,
            entry.verdict,
            survey,
        )
        for entry in judged
    ]
    return pd.DataFrame(rows, columns=CSV_COLUMNS).astype({"published": "float64"})


def claims_page(
    judged: Sequence[Judgement],
    not_judged: Sequence[Claim],
    labels: Mapping[str, str],
    survey: str,
    *,
    z_range: Sequence[float],
    n_seeds: int,
    training: str,
) -> str:
    """Return claims.md: the verdicts, other readings of the same words, and the rules.

    `training` is a sentence on how the networks' training ended.
    """
    verdicts = [entry.verdict for entry in judged]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in VERDICTS)
    parts = [
        survey_note(survey),
        "# Published claims, measured again",
        f"{len(judged)} claims: {counts}. {n_seeds} seeds per strategy, "
        f"{z_range[0]:g} <= z_true <= {z_range[1]:g}. Intervals are over seeds alone: they do not "
        f"include the sampling of the test galaxies. {training}",
        _verdict_table(judged, labels),
    ]
    if not_judged:
        names = ", ".join(
            f"{claim.claim} (about {' and '.join(claim.strategies)})" for claim in not_judged
        )
        parts.append(f"Not judged, because the run lacks a strategy: {names}.")
    if any(entry.alternatives for entry in judged):
        parts += ["## Other readings of the same words", _alternatives_table(judged)]
    parts += ["## How it is measured and judged", RULES]
    used = dict.fromkeys(
        metric for entry in judged for metric in (entry.claim.metric, *entry.alternatives)
    )
    parts.append("\n".join(f"- `{metric}`: {METRICS[metric].definition}" for metric in used))
    return "\n\n".join(parts)


RULES = """\
- Measured: for a reduction |mean of the strategy compared against| / |mean of the strategy|, for
  an increase the inverse, for a requirement |mean|; means over all seeds. A ratio above 1
  confirms the direction of the claim.
- 95% interval: central 95% of the same number over 10,000 resamplings of the seeds; a seed brings
  its networks of both strategies along (seed k of a refined network starts from seed k).
- The interval is about seeds: all networks see the same test galaxies, whose own sampling it does
  not contain. Where few galaxies decide (catastrophic outliers), that is the larger uncertainty.
- One network: median and central 95% of the same number over single seeds.
- Accepted: published^(1 - t) to published^(1 + t) with the claim's tolerance t, so that the
  logarithm of the ratio differs by no more than that part of itself.
- Verdict on a ratio: the direction holds if the whole interval lies above 1; the size agrees if
  the interval and the accepted range overlap (where the direction does not hold: if the measured
  ratio itself lies in that range). Both: reproduced. One: partly. None: not reproduced. Where
  only a direction was published, it holds or not.
- Verdict on a requirement: reproduced if the whole interval lies below the limit, partly if only
  the measured value does.
- The paper does not define its words in numbers: the metric behind each, the tolerance and the
  rules are choices of this workflow, stated in config/claims.yaml."""


def _verdict_table(judged: Sequence[Judgement], labels: Mapping[str, str]) -> str:
    rows = []
    for entry in judged:
        claim, accepted = entry.claim, accepted_range(entry.claim)
        if claim.comparison == "below":
            published, agrees = f"< {claim.published:g}", f"< {claim.published:g}"
        elif accepted is None:
            published, agrees = "> 1", "> 1"
        else:
            published = f"{claim.published:g}"
            agrees = f"{significant(accepted[0])} to {significant(accepted[1])}"
        rows.append(
            [
                claim.text(labels),
                published,
                agrees,
                with_interval(entry.measured.value, entry.measured.low, entry.measured.high),
                with_interval(entry.single.mean, entry.single.low, entry.single.high),
                f"**{entry.verdict}**",
                claim.shown_in,
                claim.where,
            ]
        )
    header = [
        "Claim",
        "Published",
        "Accepted",
        "Measured [95%]",
        "One network [95%]",
        "Verdict",
        "Shown in",
        "Published in",
    ]
    return markdown_table(header, rows, "lrrrrlll")


def _alternatives_table(judged: Sequence[Judgement]) -> str:
    def cell(metric: str, estimate: Estimate) -> str:
        return f"`{metric}` {with_interval(estimate.value, estimate.low, estimate.high)}"

    rows = [
        [
            f"`{entry.claim.claim}`",
            cell(entry.claim.metric, entry.measured),
            "; ".join(cell(*item) for item in entry.alternatives.items()),
        ]
        for entry in judged
        if entry.alternatives
    ]
    return markdown_table(["Claim", "Judged", "Other readings"], rows)
