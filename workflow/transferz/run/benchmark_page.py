"""The page that shows what the training benchmark measured. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from transferz.report.tables import markdown_table, thousands
from transferz.run.benchmarking import machine

SEEDS_OF_A_JOB = (1, 10, 25, 100)
# Seconds between two checkpoints of a seed under way; see transferz.training.
CHECKPOINT_SECONDS = 30.0
# Share of its cores that a way of training must have had for its rate to mean something.
QUIET = 0.9
OURS = "This workflow"
PARTS = ("matrix products", "optimiser", "gather of the rows")


def page(
    table: pd.DataFrame, settings: Mapping[str, object], training: Mapping[str, object]
) -> str:
    """Everything measured, as Markdown."""
    about = [f"{key}: {value}" for key, value in machine().items()]
    parts = [
        "# How fast the networks are trained",
        "Measured by `snakemake benchmarks` on: " + "; ".join(about) + ".",
        f"Every way trains the network of this configuration on {thousands(settings['rows'])} "
        f"galaxies and validates on {thousands(settings['validation_rows'])} after each of "
        f"{settings['epochs']} epochs; rates count training galaxies and include validation and "
        f"the end of each epoch, but neither the start of the process nor compilation. The ways "
        f"take turns, {settings['repeats']} each: medians, and in brackets the range. The peak is "
        "the highest rate of square matrix products in the same library, measured in the same "
        "turns. A core-second is a second of processor time: what other programs on the machine "
        "take does not count there.",
        *rate_tables(table),
        *step_tables(table),
        *job_tables(table, settings, training),
        *growth_tables(table),
    ]
    return "\n\n".join(parts)


def pick(table: pd.DataFrame, measurement: str, **keys: object) -> pd.DataFrame:
    """Rows of one measurement."""
    chosen = table[table["measurement"] == measurement]
    for key, value in keys.items():
        chosen = chosen[chosen[key] == value]
    return chosen


def cell(row: pd.Series, scale: float = 1.0, digits: int = 2) -> str:
    """Median and range of a measurement."""
    low, mid, high = (f"{row[key] * scale:.{digits}f}" for key in ("low", "median", "high"))
    return mid if low == high else f"{mid} [{low}, {high}]"


def rate_tables(table: pd.DataFrame) -> Iterator[str]:
    """One table per batch size."""
    header = ["Way", "Processes x threads", "Thousand galaxies/s", "Over Keras fit"]
    header += ["Of the peak (%)", "Thousand galaxies per core-second"]
    for size in table["batch_size"].dropna().unique():
        rates = pick(table, "training rate", batch_size=size)
        if rates.empty:
            continue
        lines = []
        for (_, rate), (_, ratio), (_, fraction), (_, core) in zip(
            rates.iterrows(),
            pick(table, "rate over Keras fit", batch_size=size).iterrows(),
            pick(table, "fraction of the peak", batch_size=size).iterrows(),
            pick(table, "rate per core", batch_size=size).iterrows(),
            strict=True,
        ):
            lines.append(
                [
                    rate["variant"],
                    f"{rate['processes']} x {rate['threads']}",
                    cell(rate, 1e-3, 0),
                    cell(ratio),
                    cell(fraction, 100, 0),
                    cell(core, 1e-3, 0),
                ]
            )
        peaks = [
            f"{row['at']} {cell(row, digits=0)} GFLOP/s"
            for _, row in pick(table, "matrix-product peak", batch_size=size).iterrows()
        ]
        yield f"## Batch size {size}"
        yield f"Matrix-product peak: {'; '.join(dict.fromkeys(peaks))}."
        yield markdown_table(header, lines, "llrrrr")
        yield ceiling(table, size)
        ours = pick(table, "training rate", batch_size=size, variant=OURS).iloc[0]
        core = pick(table, "rate per core", batch_size=size, variant=OURS)["median"].item()
        busy = ours["median"] / (core * ours["processes"] * ours["threads"])
        if busy < QUIET:
            yield (
                f"**Other programs were at work: this workflow had {100 * busy:.0f}% of its cores. "
                "Rates, ratios and fractions of the peak count only on a quiet machine.**"
            )


def ceiling(table: pd.DataFrame, size: int) -> str:
    """How much faster than Keras fit anything could be, and what keeps this workflow below."""
    share = pick(table, "fraction of the peak", batch_size=size).set_index("variant")["median"]
    parts = pick(table, "part of a step", batch_size=size).set_index("at")["median"]
    reached = pick(table, "rate over Keras fit", batch_size=size).set_index("variant")["median"]
    products = parts["matrix products"] / parts["step"]
    return (
        f"Keras fit is at {100 * share['Keras fit']:.0f}% of the peak: matrix products at the peak "
        f"and nothing else would be {1 / share['Keras fit']:.1f} times as fast. This workflow is "
        f"{reached[OURS]:.1f} times as fast; {100 * products:.0f}% of its step are the "
        f"matrix products of this batch, so that {reached[OURS] / products:.1f} times "
        "is what a trainer with the same products and nothing else would reach."
    )


def step_tables(table: pd.DataFrame) -> Iterator[str]:
    """Where a step goes, at each batch size."""
    parts = pick(table, "part of a step")
    sizes = list(parts["batch_size"].unique())
    columns = {size: pick(parts, "part of a step", batch_size=size) for size in sizes}
    times = {size: frame.set_index("at")["median"] for size, frame in columns.items()}
    lines = [["whole step", *(f"{times[size]['step']:.0f}" for size in sizes)]]
    for name in PARTS:
        lines.append(
            [name] + [f"{t[name]:.0f} ({100 * t[name] / t['step']:.0f}%)" for t in times.values()]
        )
    rest = [max(0.0, t["step"] - sum(t[name] for name in PARTS)) for t in times.values()]
    lines.append(
        ["the rest: activations, biases, loss, calls"]
        + [
            f"{left:.0f} ({100 * left / t['step']:.0f}%)"
            for left, t in zip(rest, times.values(), strict=True)
        ]
    )
    yield "## Where a training step goes"
    yield (
        "Microseconds of one core per step of this workflow's trainer. Each part was also "
        "measured alone, the matrix products with exactly the shapes of a step and nothing "
        "between them; alone, a part finds its numbers in the cache, so that the sum need not be "
        "exact."
    )
    yield markdown_table(
        ["Part", *(f"Batch size {size}" for size in sizes)], lines, "l" + "r" * len(sizes)
    )


def job_tables(
    table: pd.DataFrame, settings: Mapping[str, object], training: Mapping[str, object]
) -> Iterator[str]:
    """Time outside training for jobs of several seeds."""
    size = training["batch_size"]
    start = pick(table, "start of a process", variant=OURS)["median"].item()
    compilation = pick(table, "compilation", variant=OURS, batch_size=size)["median"].item()
    load = pick(table, "loading the data")["median"].item()
    write = pick(table, "writing the networks")["median"].item()
    seed = pick(table, "time by epochs", at=1)["median"].item() / settings["epochs"]
    seed *= training["max_epochs"]
    fixed = start + compilation + load + write
    kept = pick(table, "checkpoint").set_index("at")["median"]
    yield "## Time outside training"
    yield (
        f"Start of a process with its imports {start:.1f} s, compilation {compilation:.1f} s, "
        f"loading {load:.2f} s, writing {write:.2f} s: {fixed:.1f} s for a job, whatever its "
        f"number of seeds. A seed takes {seed:.1f} s for {training['max_epochs']} epochs of the "
        f"size above."
    )
    yield markdown_table(
        ["Seeds of a job", "Outside training (%)"],
        [[str(n), f"{100 * fixed / (fixed + n * seed):.1f}"] for n in SEEDS_OF_A_JOB],
        "rr",
    )
    cost = max(kept["state"] / CHECKPOINT_SECONDS, kept["finished"] / seed)
    yield (
        f"A checkpoint of the seed under way takes {1000 * kept['state']:.0f} ms, at most every "
        f"30 s; of a finished seed {1000 * kept['finished']:.0f} ms: {100 * cost:.2f}% of the time."
    )


def growth_tables(table: pd.DataFrame) -> Iterator[str]:
    """How time grows, and memory at paper scale."""
    lines = []
    for what in ("seeds", "epochs", "rows"):
        rows = pick(table, f"time by {what}")
        lines.append([what, *(cell(row) for _, row in rows.iterrows())])
    yield "## How the time grows"
    yield "Seconds of one process with one, two and four times as many; four times is proportional."
    yield markdown_table(["More", "1 x", "2 x", "4 x"], lines, "lrrr")
    yield "## Memory"
    used = pick(table, "peak memory of a process")
    at_scale = pick(table, "peak memory at paper scale").iloc[0]
    lines = [[row["variant"], f"{row['high']:.0f}"] for _, row in used.iterrows()]
    last = f"This workflow, {thousands(int(at_scale['at']))} training galaxies"
    lines.append([last, f"{at_scale['median']:.0f}"])
    yield markdown_table(["Peak memory of a process", "MiB"], lines, "lr")
