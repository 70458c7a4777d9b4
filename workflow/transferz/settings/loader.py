"""From the files of the stages to a checked configuration.

Needs what Snakemake brings along only: a dry-run reads this.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from transferz.settings.checks import cross_key_problems
from transferz.settings.messages import renamed_problems, schema_problems
from transferz.settings.params import Section

# In the order of config/config.yaml.
DATA_FILES = (
    "general.yaml",
    "survey.yaml",
    "catalogues.yaml",
    "release.yaml",
    "networks.yaml",
    "evaluation.yaml",
    "diagnostics.yaml",
    "uncertainty.yaml",
    "photo_z.yaml",
    "peers.yaml",
    "spectra.yaml",
    "images.yaml",
    "run.yaml",
)

# In C, ten times as fast, where it was built.
QuickLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ConfigurationError(Exception):
    """A configuration with mistakes, one in each line."""


def checked(config: dict) -> Section:
    """Return `config` with defaults filled in and short to print, or raise with all mistakes."""
    # In the project's own folder Snakemake has done this, with config/config.yaml.
    config = overlaid(with_defaults({}), config)
    problems = renamed_problems(config) or schema_problems(
        config, jsonschema.Draft202012Validator(schema())
    )
    if not problems:
        config = with_defaults(config)
        config["strategies"] = own_strategies_last(config["strategies"])
        named = config["ensembles"].items()
        config["ensembles"] = {name: entry for name, entry in named if entry is not None}
        settle(config)
        config["strategies"] |= stressed(config)
        problems = cross_key_problems(config)
    if problems:
        raise ConfigurationError("\n  ".join(problems))
    return Section(config)


def settle(config: dict) -> None:
    """Replace, in place, what depends on the catalogues that there are."""
    method, custom = config["splits"]["method"], config["custom"] or {}
    for role, chosen in method.items():
        if config["survey"] == "custom":
            published = custom.get(role, {"columns": {}})["columns"].get("split")
        else:
            published = role == "target"
        if chosen == "auto":
            method[role] = "published" if published else "object"
    if config["survey"] == "custom" and list(custom) == ["source"]:
        every, predict = config["strategies"], config["predict"]
        kept = config["strategies"] = alone(every)
        if predict["strategy"] in every.keys() - kept:
            predict["strategy"] = next(iter(kept), predict["strategy"])
        predict["calibrated_on"] = "source"
        # Both data sets are the one that there is.
        for entry in config["ensembles"].values():
            entry["train_on"] = "source"


def stressed(config: dict) -> dict:
    """Return the strategies of the stress tests: on spectra that are worse in one way."""
    stress, known = config["diagnostics"]["stress"], config["strategies"]
    cases = {
        f"{change}-{100 * share:g}": {"change": change, "share": share}
        for change, shares in stress["shares"].items()
        for share in shares
    }
    if stress["surveys"]:
        cases["surveys"] = {"change": "surveys", "surveys": stress["surveys"]}
    return {
        f"{name}-{case}": known[name] | {"sample": sample}
        for name in stress["strategies"]
        if name in known
        for case, sample in cases.items()
    }


def alone(strategies: dict) -> dict:
    """Return the strategies that are trained on the source, and start from such a one."""
    kept, last = strategies, None
    while kept != last:
        last = kept
        kept = {
            name: entry
            for name, entry in kept.items()
            if entry["train_on"] == "source" and entry.get("start_from", name) in kept
        }
    return kept


@cache
def schema() -> dict:
    """Return the JSON schema of a whole configuration; not to be changed."""
    whole: dict = {"properties": {}, "$defs": {}}
    for file in DATA_FILES:
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        entries = QuickLoader(text).get_single_data()
        whole["$defs"] |= entries.pop("$defs", {})
        whole["properties"] |= entries
    for entry in (whole, *whole["$defs"].values()):
        complete(entry, whole["properties"])
    return whole


def complete(entry: dict, sections: dict) -> None:
    """Write out, in place, what an entry of the files says by being there (see the package)."""
    for section in entry.pop("overrides", ()):
        for name, key in sections[section]["properties"].items():
            own = {word: value for word, value in key.items() if word != "default"}
            entry["properties"][name] = copy.deepcopy(own)
    keys = entry.get("properties", {})
    if keys:
        entry.setdefault("type", "object")
        entry.setdefault("additionalProperties", False)
    others = (entry.get("additionalProperties"), entry.get("items"))
    for inner in (*keys.values(), *entry.get("oneOf", ()), *others):
        if isinstance(inner, dict):
            complete(inner, sections)
    for key in keys.values():
        if "properties" in key:
            key.setdefault("default", {})


def overlaid(below: dict, above: dict) -> dict:
    """Return `below` with the values of `above`, key by key, as Snakemake overlays files."""
    pairs = {
        name: overlaid(below[name], value)
        if isinstance(value, dict) and isinstance(below.get(name), dict)
        else value
        for name, value in above.items()
    }
    return {**below, **pairs}


def with_defaults(config: dict, entry: dict | None = None) -> dict:
    """Return a copy of `config` in which every key that has a default is there.

    Of a mapping with keys of the user's own, such as cuts or strategies, the default is what it is
    if it is not there at all.
    """
    entry = resolved(schema() if entry is None else entry)
    keys, others = entry.get("properties", {}), entry.get("additionalProperties")
    filled = dict(config)
    for name, key in keys.items():
        if "default" in key:
            filled.setdefault(name, copy.deepcopy(key["default"]))
    for name, value in filled.items():
        inner = keys.get(name, others)
        if isinstance(value, dict):
            filled[name] = with_defaults(value, inner if isinstance(inner, dict) else {})
    return filled


def resolved(entry: dict) -> dict:
    """Return what an entry refers to, or the entry itself."""
    return schema()["$defs"][entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry


def own_strategies_last(strategies: dict) -> dict:
    """Return the strategies that are on, the published ones first, as tables and figures show them.

    An overlay switches one off by setting it to null; its own stand first in what Snakemake merged.
    """
    published = schema()["properties"]["strategies"]["default"]
    names = sorted(strategies, key=lambda name: name not in published)
    return {name: strategies[name] for name in names if strategies[name] is not None}
