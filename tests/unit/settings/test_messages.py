"""Every key of the configuration with values that it cannot have, and the message shown."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.shown import Shown

from transferz.settings.checks import cross_key_problems
from transferz.settings.loader import resolved, schema
from transferz.settings.messages import first_sentence, renamed_problems, schema_problems

ROOT = Path(__file__).resolve().parents[3]
Key = tuple[str, ...]


SCHEMA = schema()
DEFAULTS = yaml.safe_load((ROOT / "config/config.yaml").read_text())
# Optional sections are given, so that one key at a time is wrong in them.
EXAMPLE = yaml.safe_load((ROOT / "config/examples/des_cosmos.yaml").read_text())
GIVEN = copy.deepcopy(DEFAULTS) | {"custom": EXAMPLE["custom"]}
GIVEN["network"]["head"] = {"bins": 80, "z_max": 4, "cross_entropy": 1}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def nodes(schema: dict, path: Key = ()) -> Iterator[tuple[Key, dict]]:
    """Yield path and schema of every named key, mappings included."""
    for name, entry in resolved(schema).get("properties", {}).items():
        yield (*path, name), entry
        yield from nodes(entry, (*path, name))


def changed(path: Key, value: object) -> dict:
    """Return a good section with `value` at `path`; `KeyError`: without the key."""
    config = {path[0]: copy.deepcopy(GIVEN.get(path[0]))}
    inner: dict = config
    for name in path[:-1]:
        if inner.get(name) is None:
            inner[name] = {}
        inner = inner[name]
    if value is KeyError:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return config


def problems(path: Key, value: object) -> list[str]:
    return schema_problems(changed(path, value), VALIDATOR)


KEYS = {path: resolved(entry) for path, entry in nodes(SCHEMA)}
WRONG_TYPES = ({"a": 1}, ["x"], "x", 3.5, True, None)
TYPES = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def of_type(value: object, names: list[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, TYPES[name]) for name in names)


def out_of_range(entry: dict) -> Iterator[object]:
    """Yield values that lie just outside each limit of a key."""
    if "minimum" in entry:
        yield entry["minimum"] - 1
    if "maximum" in entry:
        yield entry["maximum"] + 1
    if "exclusiveMinimum" in entry:
        yield entry["exclusiveMinimum"]
    if "exclusiveMaximum" in entry:
        yield entry["exclusiveMaximum"]
    if "enum" in entry:
        yield "nothing_like_it"
        yield from (f"{name}x" for name in entry["enum"][:1] if isinstance(name, str))
    if entry.get("minItems"):
        yield []
    if "maxItems" in entry:
        yield [*entry["default"], *entry["default"]] if entry.get("default") else [["x"]] * 9
    if entry.get("uniqueItems") and entry.get("default"):
        yield entry["default"] + entry["default"][:1]
    if "pattern" in entry:
        yield "/../;rm -rf *"
    if "minLength" in entry:
        yield ""


def shown_for(key: Key, what: str, found: list[str], shown: Shown) -> None:
    """Hold the lines of one mistake to what every message must have."""
    name = ".".join(key)
    assert found, f"{name}: {what} went unnoticed"
    for line in found:
        assert re.search(r"expected .|unknown key|is missing", line), line
        assert "is not valid under" not in line
        assert "\n" not in line
        assert len(line) < 900, line
    assert any(line.startswith((name, ".".join(key[:-1]) or "top level")) for line in found), found
    shown.append((name, what, "; ".join(found)))


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_configuration_key(key: Key, shown: Shown) -> None:
    entry, parent = KEYS[key], KEYS.get(key[:-1], SCHEMA)
    name = ".".join(key)
    names = entry.get("type", [])
    names = [names] if isinstance(names, str) else names
    wrong = [value for value in WRONG_TYPES if names and not of_type(value, names)]
    for value in wrong[:2]:
        found = problems(key, value)
        shown_for(key, f"{value!r}", found, shown)
        assert any(line.startswith(f"{name}: found {value!r}, expected") for line in found), found
    for value in out_of_range(entry):
        found = problems(key, value)
        shown_for(key, f"{value!r:.60}", found, shown)
        assert any(line.startswith(name) for line in found), found
    if entry.get("additionalProperties") is False:
        known = list(entry["properties"])
        mistyped = f"_{known[0]}" if known[0] + "s" in known else known[0] + "s"
        found = problems((*key, mistyped), 1)
        shown_for((*key, mistyped), "unknown key", found, shown)
        assert any(f"did you mean '{known[0]}'?" in line for line in found), found
    missing = problems(key, KeyError)
    if key[-1] in parent.get("required", []):
        shown_for(key, "missing", missing, shown)
        assert any(f"'{key[-1]}' is missing" in line for line in missing)
    else:
        # What is left out gets its default, if it has one, and is nothing to complain about.
        assert not [line for line in missing if line.startswith(f"{name}:")]
        shown.append((name, "missing", f"accepted: default {entry.get('default')!r:.60}"))


def test_unknown_keys_at_the_top_and_far_from_any(shown: Shown) -> None:
    (line,) = problems(("sead",), 1)
    assert line == "top level: unknown key 'sead'; did you mean 'seeds'?"
    (far,) = problems(("seeds", "qqqq"), 1)
    assert far == "seeds: unknown key 'qqqq'; known keys: first, count, per_job"
    shown += [("sead", "unknown key", line), ("seeds.qqqq", "unknown key", far)]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("selection", "cuts", "c"), {"colunm": "z", "min": 1}, "did you mean 'column'?"),
        (("selection", "cuts", "c"), {"min": 1}, "expected 'column' or 'columns'"),
        (("selection", "cuts", "c"), "z > 1", "expected null or a mapping"),
        (
            ("selection", "cuts", "c"),
            {"column": "z", "min": "0"},
            "cuts.c.min: found '0'",
        ),
        (("bands",), ["g", "r", "g"], "expected each entry once"),
        (("bands",), ["g r", "i"], "bands.0: found 'g r', expected letters, digits and _"),
        (("training", "trainable"), "some", "expected all or a list"),
        (("training", "trainable"), ["dense"], "hidden_1, hidden_2, ..., redshift"),
        (("seeds", "per_job"), "many", "expected auto or a whole number"),
        (("strategies",), {}, "at least 1 entries"),
        (("strategies", "NN TL"), {"train_on": "combo"}, "letters, digits, dots"),
        (("strategies", "X"), {"train_on": "comba"}, "did you mean 'combo'?"),
        (("strategies", "X"), {}, "'train_on' is missing"),
        (("pathvars", "results"), "../elsewhere", "a path below the working directory"),
        (("predict", "catalogue", "columns", "mag"), "mag_g", "with {band} where"),
        (("predict", "name"), "../mine", "a name of letters, digits, dots"),
        (("predict", "catalogue", "extra_columns"), {"ra": 1}, "extra_columns.ra: found 1"),
        (("training", "loss"), "hcs", "training.loss: found 'hcs', expected"),
        (("training", "batchsize"), 3, "unknown key 'batchsize'; did you mean 'batch_size'?"),
        (("spectra", "labels", "blurred"), {"sigma": -1}, "blurred.sigma: found -1"),
        (("spectra", "labels", "random"), {"fraction": 1.0}, "random.fraction: found 1.0"),
        (("spectra", "labels", "coarse"), {"width": -0.1}, "coarse.width: found -0.1"),
        (("spectra", "studies", "heads", "head"), ["forest"], "expected regression or a whole"),
    ],
)
def test_configuration_value(path: Key, value: object, message: str, shown: Shown) -> None:
    found = problems(path, value)
    shown_for(path, f"{value!r:.60}", found, shown)
    assert message in "; ".join(found)


@pytest.mark.parametrize(
    ("path", "old", "message"),
    [
        (("calibration",), {}, "calibration: found an old name, expected uncertainty"),
        (("benchmark",), {}, "benchmark: found an old name, expected run.training_benchmark"),
        (
            ("catalogue_benchmark",),
            {},
            "catalogue_benchmark: found an old name, expected run.catalogue_benchmark",
        ),
        (
            ("labels", "transferz"),
            "T",
            "labels.transferz: found an old name, expected labels.source",
        ),
        (
            ("labels", "galaxiesml"),
            "G",
            "labels.galaxiesml: found an old name, expected labels.target",
        ),
        (
            ("custom", "transferz"),
            {},
            "custom.transferz: found an old name, expected custom.source",
        ),
        (
            ("custom", "galaxiesml"),
            {},
            "custom.galaxiesml: found an old name, expected custom.target",
        ),
        (
            ("splits", "method", "transferz"),
            "sky",
            "splits.method.transferz: found an old name, expected splits.method.source",
        ),
        (
            ("splits", "method", "galaxiesml"),
            "sky",
            "splits.method.galaxiesml: found an old name, expected splits.method.target",
        ),
        (
            ("splits", "identity", "common_ids"),
            True,
            "splits.identity.common_ids: found an old name, expected splits.identity.one_release",
        ),
        (
            ("strategies", "X"),
            {"train_on": "transferz"},
            "strategies.X.train_on: found the old name 'transferz', expected 'source'",
        ),
        (
            ("strategies", "X"),
            {"train_on": "galaxiesml"},
            "strategies.X.train_on: found the old name 'galaxiesml', expected 'target'",
        ),
        (
            ("predict", "calibrated_on"),
            "transferz",
            "predict.calibrated_on: found the old name 'transferz', expected 'source'",
        ),
        (
            ("predict", "calibrated_on"),
            "galaxiesml",
            "predict.calibrated_on: found the old name 'galaxiesml', expected 'target'",
        ),
        (
            ("figures", "literature", "Jones+2024", "dataset"),
            "transferz",
            "figures.literature.Jones+2024.dataset: "
            "found the old name 'transferz', expected 'source'",
        ),
        (
            ("figures", "literature", "Jones+2024", "dataset"),
            "galaxiesml",
            "figures.literature.Jones+2024.dataset: "
            "found the old name 'galaxiesml', expected 'target'",
        ),
    ],
)
def test_old_name(path: Key, old: object, message: str, shown: Shown) -> None:
    found = renamed_problems(changed(path, old))
    shown_for(path, "old name", found, shown)
    assert found == [message]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-4", "1.0e-4"), ("2.5e3", "2.5e+3"), ("-1.E5", "-1.e+5"), ("3e+08", "3.0e+08")],
)
def test_a_number_that_yaml_takes_for_text(text: str, number: str) -> None:
    assert isinstance(yaml.safe_load(text), str)
    assert yaml.safe_load(number) == float(text)
    (line,) = problems(("training", "learning_rate"), text)
    assert f"found '{text}' (text to YAML: write {number}), expected a number" in line
    (line,) = problems(("training", "learning_rate"), "small")
    assert "found 'small', expected a number" in line


def test_the_default_configuration_is_without_fault() -> None:
    assert renamed_problems(GIVEN) == []
    assert schema_problems(DEFAULTS, VALIDATOR) == []
    assert schema_problems(GIVEN, VALIDATOR) == []
    assert cross_key_problems(copy.deepcopy(DEFAULTS)) == []


def test_a_message_ends_before_the_origin_of_a_value() -> None:
    text = "Loss, of dz = 0.1 (Tanaka et al. 2018). Authors' public code."
    assert first_sentence(text) == "Loss, of dz = 0.1 (Tanaka et al. 2018)."
    assert first_sentence("After the paper by Weaver et al. In print.") == (
        "After the paper by Weaver et al. In print."
    )
    sentences = [first_sentence(entry.get("description", "")) for entry in KEYS.values()]
    assert len(sentences) > 250
    assert max(map(len, sentences)) < 210
