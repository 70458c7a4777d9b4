"""Contradictions between keys, which limits of single keys cannot express: one line each."""

from __future__ import annotations

from collections.abc import Iterator


def cross_key_problems(config: dict) -> list[str]:
    """Return one line for each contradiction in a configuration with all its defaults."""
    stages = (general, survey, catalogues, networks, evaluation, photo_z)
    return [line for stage in stages for line in stage(config)]


def general(config: dict) -> Iterator[str]:
    """Yield labels of nothing, and a folder that holds another survey."""
    strategies = config["strategies"]
    for name in sorted(set(config["labels"]) - {"source", "target", *strategies}):
        yield (f"labels: unknown key '{name}'; known keys: source, target, {', '.join(strategies)}")
    if config["survey"] == "archive" and "embedded" in config["pathvars"]["resources"]:
        yield (
            "pathvars.resources: found the folder of the simulated catalogues, expected another "
            "one, because survey is archive; see config/archive.yaml"
        )


def survey(config: dict) -> Iterator[str]:
    """Yield a custom survey without catalogues."""
    if config["survey"] == "custom" and config["custom"] is None:
        yield (
            "custom: found nothing, expected two catalogues, because survey is custom; see "
            "config/examples/des_cosmos.yaml"
        )


def catalogues(config: dict) -> Iterator[str]:
    """Yield shares of the three sets that are not a whole."""
    total = sum(config["splits"]["fractions"].values())
    if abs(total - 1) > 1e-6:
        yield f"splits.fractions: found a sum of {total:g}, expected 1"


def networks(config: dict) -> Iterator[str]:
    """Yield strategies that start from nothing, in a circle or from other layers."""
    strategies = config["strategies"]
    if not strategies:
        yield "strategies: none left; keep at least one entry that is not null"
    for name, entry in strategies.items():
        yield from layer_problems(name, entry, config)
        seen, parent = {name}, entry.get("start_from")
        while parent is not None:
            if parent not in strategies:
                yield (
                    f"strategies.{name}.start_from: found '{parent}', expected one of "
                    f"{', '.join(strategies)}"
                )
                break
            if parent in seen:
                yield f"strategies.{name}.start_from: the chain comes back to '{parent}'"
                break
            seen.add(parent)
            parent = strategies[parent].get("start_from")


def layer_problems(name: str, entry: dict, config: dict) -> Iterator[str]:
    """Yield one line for each contradiction between a strategy, its layers and its parent."""
    parent = config["strategies"].get(entry.get("start_from")) or {}
    for key in ("inputs", "hidden", "activation", "skip"):
        own, other = (each.get(key, config["network"][key]) for each in (entry, parent))
        if entry.get("start_from") in config["strategies"] and own != other:
            yield (
                f"strategies.{name}.{key}: found {own}, expected {other} as in "
                f"{entry['start_from']}, which it starts from"
            )
    own, other = (each.get("head", config["network"]["head"]) or {} for each in (entry, parent))
    for key in ("bins", "z_max"):
        if parent and own.get(key) != other.get(key):
            yield (
                f"strategies.{name}.head.{key}: found {own.get(key)}, expected {other.get(key)} as "
                f"in {entry['start_from']}, which it starts from"
            )
    if own and not own.get("cross_entropy", 0) + own.get("jensen_shannon", 0) > 0:
        yield (
            f"strategies.{name}.head: found no loss, expected a weight of cross_entropy or "
            "jensen_shannon above 0"
        )
    if entry.get("low_rank") and "start_from" not in entry:
        yield (
            f"strategies.{name}.low_rank: found {entry['low_rank']} without start_from; a "
            "correction needs a network to correct"
        )
    trainable = entry.get("trainable", config["training"]["trainable"])
    n_hidden = len(entry.get("hidden", config["network"]["hidden"]))
    layers = [*(f"hidden_{k}" for k in range(1, n_hidden + 1)), "redshift"]
    unknown = [] if isinstance(trainable, str) else sorted(set(trainable) - set(layers))
    if unknown:
        yield (
            f"strategies.{name}.trainable: found {', '.join(unknown)}, expected all or some of "
            f"{', '.join(layers)}"
        )


def evaluation(config: dict) -> Iterator[str]:
    """Yield what is to be compared or shown and is not there."""
    known = ", ".join(config["strategies"])
    for pair in config["evaluation"]["comparisons"]:
        for name in sorted(set(pair) - set(config["strategies"])):
            yield f"evaluation.comparisons: found '{name}', expected one of {known}"
    low, high = config["evaluation"]["z_range"]
    if not low < high:
        yield f"evaluation.z_range: found [{low}, {high}], expected low < high"
    shown, first = config["figures"]["figure2_seed"], config["seeds"]["first"]
    last = first + config["seeds"]["count"] - 1
    if shown is not None and not first <= shown <= last:
        yield (
            f"figures.figure2_seed: found {shown}, expected a seed of this run, {first} to {last}"
        )


def photo_z(config: dict) -> Iterator[str]:
    """Yield an ensemble that is to be applied and is not trained."""
    strategy = config["predict"]["strategy"]
    if strategy not in config["strategies"]:
        yield (
            f"predict.strategy: found '{strategy}', expected one of "
            f"{', '.join(config['strategies'])}"
        )
