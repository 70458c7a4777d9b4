"""The settings themselves, and what the loader makes of a configuration."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from transferz.settings.loader import ConfigurationError, checked, resolved, schema, with_defaults


def leaves(entry: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield path and entry of every leaf below fixed names."""
    for name, child in entry.get("properties", {}).items():
        if "properties" in child and child.get("default", {}) == {}:
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name), child


def entries(entry: object, path: str = "") -> Iterator[tuple[str, dict]]:
    """Yield path and entry of every mapping with fixed names, at any depth."""
    if isinstance(entry, dict):
        if isinstance(entry.get("properties"), dict):
            yield path, entry
        for name, child in entry.items():
            yield from entries(child, f"{path}.{name}")


@pytest.fixture(scope="module")
def config(root: Path) -> dict:
    return yaml.safe_load((root / "config/config.yaml").read_text())


def test_every_leaf_has_description_and_default() -> None:
    lacking = [
        ".".join(path)
        for path, entry in leaves(schema())
        if "default" not in entry or "description" not in entry | resolved(entry)
    ]
    assert lacking == []
    assert len(list(leaves(schema()))) > 190


def test_the_schema_lets_no_typo_pass() -> None:
    open_ones = [
        path
        for path, entry in entries(schema())
        if entry.get("additionalProperties") is not False
        and not isinstance(entry.get("additionalProperties"), dict)
    ]
    assert open_ones == []


def test_the_default_configuration_states_every_key_with_its_default(config: dict) -> None:
    differing = {}
    for path, entry in leaves(schema()):
        value: object = config
        for name in path:
            value = value.get(name, "absent") if isinstance(value, dict) else "absent"
        if value != entry["default"]:
            differing[".".join(path)] = (value, entry["default"])
    assert differing == {}


def test_an_empty_configuration_is_the_default_one(config: dict) -> None:
    assert with_defaults({}) == config
    assert checked({}) == checked(copy.deepcopy(config))


def test_a_partial_configuration_gets_the_rest(config: dict) -> None:
    partial = {
        "training": {"max_epochs": 12},
        "selection": {"cuts": {"own": {"column": "z"}}},
        "ensembles": {"NN-Colours": {"seeds": 2}},
    }
    filled = checked(partial)
    assert filled["training"] == config["training"] | {"max_epochs": 12}
    # As Snakemake does with config/config.yaml in the project's own folder.
    assert list(filled["selection"]["cuts"]) == [*config["selection"]["cuts"], "own"]
    colours = config["ensembles"]["NN-Colours"] | {"seeds": 2}
    assert filled["ensembles"] == {"NN-Colours": colours}
    assert filled["galaxiesml"] == config["galaxiesml"]
    assert partial == {
        "training": {"max_epochs": 12},
        "selection": {"cuts": {"own": {"column": "z"}}},
        "ensembles": {"NN-Colours": {"seeds": 2}},
    }


def test_catalogues_of_the_user_get_their_defaults(root: Path) -> None:
    example = yaml.safe_load((root / "config/examples/des_cosmos.yaml").read_text())
    catalogues = checked(example)["custom"].values()
    assert [each["units"] for each in catalogues] == [{"mag": "mag", "position": "deg"}] * 2
    assert all(each["columns"]["split"] is None for each in catalogues)


def test_the_real_run_has_published_splits_and_the_settings_of_the_full_size(root: Path) -> None:
    archive, full = (
        yaml.safe_load((root / f"config/{name}.yaml").read_text())
        for name in ("archive", "paper_scale")
    )
    assert archive["seeds"] == full["seeds"]
    assert archive["splits"]["fractions"] == full["splits"]["fractions"]
    assert archive["splits"]["method"]["target"] == "published"
    checked(archive)


def test_a_strategy_may_override_what_all_have() -> None:
    keys = schema()["properties"]["strategies"]["additionalProperties"]["properties"]
    sections = (schema()["properties"][name]["properties"] for name in ("network", "training"))
    expected = {name for section in sections for name in section}
    assert set(keys) == expected | {"train_on", "start_from", "sample"}
    assert not [name for name, key in keys.items() if "default" in key]


def test_strategies_of_the_user_come_last_and_null_switches_one_off(config: dict) -> None:
    own = {"Mine": {"train_on": "combo"}, **config["strategies"], "NN-TL": None}
    assert list(checked({"strategies": own})["strategies"]) == ["NN-Base", "NN-Combo", "Mine"]


def test_all_mistakes_come_at_once_and_defaults_are_not_shared() -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked({"seeds": {"count": 0}, "trainin": {}})
    assert str(caught.value).splitlines() == [
        "top level: unknown key 'trainin'; did you mean 'training'?",
        "  seeds.count: found 0, expected at least 1 (Number of seeds.)",
    ]
    checked({})["bands"].append("u")
    assert checked({})["bands"] == ["g", "r", "i", "z", "y"]


def test_one_catalogue_keeps_the_strategies_that_need_one() -> None:
    columns = {"mag": "{band}", "redshift": "z"}
    one = {"path": "a.csv", "source": "a", "truth": "spec_z", "columns": columns}
    strategies = {
        "NN-Base": {"train_on": "source"},
        "NN-TL": {"train_on": "target", "start_from": "NN-Base"},
        "tuned": {"train_on": "source", "start_from": "NN-Base"},
        "back": {"train_on": "source", "start_from": "NN-TL"},
    }
    given = {"survey": "custom", "custom": {"source": one}, "strategies": strategies}
    alone = checked(given | {"predict": {"strategy": "NN-TL"}})
    assert list(alone["strategies"]) == ["NN-Base", "tuned"]
    assert alone["predict"]["strategy"] == "NN-Base"
    assert alone["predict"]["calibrated_on"] == "source"
    assert alone["ensembles"]["NN-Colours"]["train_on"] == "source"
    assert alone["splits"]["method"]["source"] == "object"
    own = one | {"columns": columns | {"split": "s"}}
    two = {"custom": {"source": own, "target": one}, "predict": {"strategy": "tuned"}}
    both = checked(given | two)
    assert list(both["strategies"]) == ["NN-Base", "NN-TL", "NN-Combo", "tuned", "back"]
    assert both["splits"]["method"] == {"source": "published", "target": "object"}
    assert checked({})["splits"]["method"] == {"source": "object", "target": "published"}
    with pytest.raises(ConfigurationError, match=r"predict\.strategy: found 'NN-Bse'"):
        checked(given | {"predict": {"strategy": "NN-Bse"}})
