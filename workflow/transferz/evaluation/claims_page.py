"""The page of the published claims: verdicts in both windows, other readings, and the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferz.evaluation.bins import ZRange
from transferz.evaluation.claims import (
    BY_TRUTH,
    VERDICT_RULES,
    VERDICTS,
    Claim,
    Judgement,
    accepted_range,
    axis_limits,
    by_window,
    drawn_values,
    window_name,
)
from transferz.evaluation.metrics import METRICS
from transferz.evaluation.over_seeds import Estimate, Summary, seed_values
from transferz.evaluation.resampling import GALAXY_DRAWS, SEED_DRAWS
from transferz.report.tables import (
    listing,
    markdown_table,
    significant,
    survey_note,
    with_interval,
)

RULES = f"""\
- Measured: for a reduction |mean of the strategy compared against| / |mean of the strategy|, for
  an increase the inverse, for a requirement |mean|; means over all seeds. A ratio above 1
  confirms the direction of the claim.
- 95% interval: central 95% of the same number over {GALAXY_DRAWS * SEED_DRAWS:,} draws of the seeds
  and of the test galaxies. A seed brings its networks of both strategies along (seed k of a refined
  network starts from seed k), and all networks meet the same draws of galaxies.
- Of few seeds the distances from the mean are stretched, so that the interval covers as often as it
  says. The interval of |mean| begins at 0 where the sign is open.
- One network: median and central 95% of the same number over single seeds.
{VERDICT_RULES}
- The paper does not define its words in numbers: the metric behind each, the tolerance and the
  rules are choices of this workflow, stated in config/claims.yaml."""


def claims_page(
    judged: Sequence[Judgement],
    not_judged: Sequence[Claim],
    per_seed: pd.DataFrame,
    labels: Mapping[str, str],
    survey: str,
    *,
    windows: Sequence[ZRange],
    training: str,
) -> str:
    """Return claims.md.

    Parameters
    ----------
    judged, not_judged
        Of `claims.judge`.
    per_seed : pandas.DataFrame
        Metrics of every network.
    labels : mapping
        Display names.
    survey : str
    windows : sequence of ZRange
        The headline range, and all redshifts.
    training : str
        A sentence on how the networks' training ended.
    """
    compared = [name for entry in judged for name in reversed(entry.claim.strategies)]
    strategies = list(dict.fromkeys(compared))
    parts = [
        survey_note(survey),
        "# Published claims, measured again",
        f"{counted(judged, windows)} The abstract names no range of redshift, Figure 3 of the "
        f"paper {windows[0].text()}: every claim is judged in that range and over all z. "
        f"{per_seed['seed'].nunique()} seeds per strategy. Intervals are over seeds and test "
        f"galaxies. {training}",
        flips(judged),
        outside(per_seed, strategies, windows, labels),
        turned_by_truth(judged),
        verdict_table(judged, windows, labels),
    ]
    if not_judged:
        names = ", ".join(
            f"{claim.claim} (about {' and '.join(claim.strategies)})" for claim in not_judged
        )
        parts.append(f"Not judged, because the run lacks a strategy: {names}.")
    parts += ["## Other readings of the same words", readings_table(judged, windows)]
    parts += ["## How it is measured and judged", RULES]
    used = dict.fromkeys(
        metric for entry in judged for metric in (entry.claim.metric, *entry.claim.alternatives)
    )
    parts.append("\n".join(f"- `{metric}`: {METRICS[metric].definition}" for metric in used))
    return "\n\n".join(part for part in parts if part)


def counted(judged: Sequence[Judgement], windows: Sequence[ZRange]) -> str:
    """Return a sentence per window on how many claims got each verdict."""
    found = []
    for window in windows:
        verdicts = [entry.verdict for entry in judged if entry.window == window]
        counts = ", ".join(f"{verdicts.count(name)} {name}" for name in VERDICTS)
        found.append(f"{len(verdicts)} claims for {window_name(window)}: {counts}.")
    return " ".join(found)


def by_claim(judged: Sequence[Judgement]) -> dict[str, list[Judgement]]:
    """Return the judgements of each claim, by window."""
    found: dict[str, list[Judgement]] = {}
    for entry in judged:
        found.setdefault(entry.claim.claim, []).append(entry)
    return found


def flips(judged: Sequence[Judgement]) -> str:
    """Return a sentence on the verdicts that differ between the windows."""
    claims = by_claim(judged)
    other = {
        name: entries for name, entries in claims.items() if len({e.verdict for e in entries}) > 1
    }
    if not other:
        return "Both windows give every claim the same verdict."
    words = [
        f"{name} ({' becomes '.join(entry.verdict for entry in entries)})"
        for name, entries in other.items()
    ]
    first, *rest = next(iter(claims.values()))
    return (
        f"From {window_name(first.window)} to {window_name(rest[-1].window)}, {len(other)} of "
        f"{len(claims)} verdicts change: {listing(words)}."
    )


def outside(
    per_seed: pd.DataFrame,
    strategies: Sequence[str],
    windows: Sequence[ZRange],
    labels: Mapping[str, str],
) -> str:
    """Return sentences on which galaxies the RMS over all z rests."""
    sentences = []
    for dataset in ("target", "source") if strategies else ():
        shares, part = [], 0.0
        for name in strategies:
            n, squares = (
                [
                    seed_values(per_seed, metric, name, dataset, (window.z_min, window.z_max))
                    for window in windows
                ]
                for metric in ("n", "rms")
            )
            part = 1.0 - n[0].iloc[0] / n[1].iloc[0]
            share = 1.0 - (n[0] * squares[0] ** 2) / (n[1] * squares[1] ** 2)
            shares.append(f"{100 * share.mean():.0f}% for {labels.get(name, name)}")
        sentences.append(
            f"On {labels.get(dataset, dataset)} the {100 * part:.0f}% of the galaxies outside "
            f"{windows[0].text()} bring {listing(shares)} of the squared errors over all z."
        )
    return " ".join(sentences)


def turned_by_truth(judged: Sequence[Judgement]) -> str:
    """Return a sentence on the verdicts that differ by true redshifts; nothing without them."""
    known, other = 0, []
    for entry in judged:
        name = BY_TRUTH.format(entry.claim.metric)
        for reading in entry.readings:
            if reading.name == name:
                known += 1
                if reading.verdict != entry.verdict:
                    where = f"{entry.claim.claim}, {window_name(entry.window)}"
                    other.append(f"{where} ({entry.verdict} becomes {reading.verdict})")
    if not known:
        return ""
    changed = f": {listing(other)}" if other else ""
    return (
        "Judged by the true redshifts behind the labels instead of by the labels, "
        f"{len(other)} of {known} verdicts change{changed}."
    )


def verdict_table(
    judged: Sequence[Judgement], windows: Sequence[ZRange], labels: Mapping[str, str]
) -> str:
    """Return the verdicts as a Markdown table, the windows side by side."""
    rows = []
    for entries in by_claim(judged).values():
        claim = entries[0].claim
        row = [claim.text(labels), *published_and_accepted(claim)]
        for entry in entries:
            row += [shown(entry.measured), f"**{entry.verdict}**"]
        rows.append([*row, claim.shown_in, claim.where])
    header = ["Claim", "Published", "Accepted"]
    for window in windows:
        header += [f"Measured, {window_name(window)} [95%]", "Verdict"]
    align = "lrr" + "rl" * len(windows) + "ll"
    return markdown_table([*header, "Shown in", "Published in"], rows, align)


def published_and_accepted(claim: Claim) -> tuple[str, str]:
    """Return a published number and what agrees with it, in words."""
    low, high = accepted_range(claim)
    if claim.comparison == "below":
        return (f"< {claim.published:g}",) * 2
    if claim.published is None:
        return ("> 1",) * 2
    return f"{claim.published:g}", f"{significant(low)} to {significant(high)}"


def shown(measured: Estimate | Summary) -> str:
    """Return a number with its interval; of a summary the mean."""
    value = measured.mean if isinstance(measured, Summary) else measured.value
    return with_interval(value, measured.low, measured.high)


def readings_table(judged: Sequence[Judgement], windows: Sequence[ZRange]) -> str:
    """Return other readings of each claim as a Markdown table, the windows side by side."""
    rows = []
    for name, entries in by_claim(judged).items():
        first = entries[0]
        rows.append([f"`{name}`", f"`{first.claim.metric}` (judged)"])
        for entry in entries:
            rows[-1] += [shown(entry.measured), entry.verdict]
        for number, reading in enumerate(first.readings):
            rows.append(["", reading.name])
            for entry in entries:
                other = entry.readings[number]
                rows[-1] += [shown(other.measured), other.verdict]
        if first.single is not None:
            rows.append(["", "one network"])
            for entry in entries:
                rows[-1] += [shown(entry.single), ""]
    header = ["Claim", "Reading"]
    for window in windows:
        header += [f"{window_name(window)} [95%]", "would be"]
    return markdown_table(header, rows, "ll" + "rl" * len(windows))


# Units across the picture of an interval.
STRIP_WIDTH = 200


def strips(claims: pd.DataFrame) -> list[dict[str, object]]:
    """Return claims.csv as tables with a picture per row and window, for a page.

    Returns
    -------
    list of dict
        Ratios, then requirements, where there are any: ``title`` and ``rows``. A row has its words
        and places on a logarithmic axis of `STRIP_WIDTH` units, that of its table.
    """
    named = [rows.assign(window=name) for name, rows in by_window(claims).items()]
    table = drawn_values(pd.concat(named).sort_index())
    panels = []
    for requirement, title in (
        (False, "Comparisons: a ratio above 1 is as claimed"),
        (True, "Requirements: below the limit is as claimed"),
    ):
        part = table[table["requirement"] == requirement]
        if part.empty:
            continue
        low, high = axis_limits(part)

        def place(x: float, low: float = low, high: float = high) -> float:
            x = np.clip(x, low, high) if np.isfinite(x) else high
            return round(float(STRIP_WIDTH * np.log(x / low) / np.log(high / low)), 1)

        rows = []
        for _, group in part.groupby("claim", sort=False):
            first = group.iloc[0]
            accepted = (
                (0.0, 1.0) if requirement else (first["accepted_low"], first["accepted_high"])
            )
            published = "" if np.isnan(first["published"]) else f"{first['published']:g}"
            ratio = published and not requirement
            cells = [
                {
                    "x": place(cell.x),
                    "low": place(cell.x_low if np.isfinite(cell.x_low) else cell.x),
                    "high": place(cell.x_high if np.isfinite(cell.x_high) else cell.x),
                    "value": cell.measured,
                    "text": with_interval(cell.measured, cell.low, cell.high),
                    "verdict": cell.verdict,
                }
                for cell in group.itertuples()
            ]
            rows.append(
                {
                    "statement": first["statement"],
                    "published": f"< {published}" if requirement else published or "> 1",
                    "published_x": place(first["published"]) if ratio else None,
                    "accepted": tuple(map(place, accepted)),
                    "one": place(1.0),
                    "cells": cells,
                }
            )
        panels.append({"title": title, "rows": rows})
    return panels
