"""Settings print in a few words, and are plain for a script."""

from __future__ import annotations

import copy
import pickle

from snakemake.persistence import PersistenceBase

from transferz.settings.loader import checked
from transferz.settings.params import SHORT, Section, brief


def test_long_settings_print_as_name_and_hash() -> None:
    config = checked({})
    assert repr(config["selection"]["cuts"]).startswith("<selection.cuts ")
    assert repr(config["training"]).startswith("<training ")
    sections = [value for value in config.values() if isinstance(value, dict | list)]
    assert max(len(repr(value)) for value in sections) <= SHORT
    assert repr(config["bands"]) == "['g', 'r', 'i', 'z', 'y']"
    assert repr(config["splits"]["fractions"]) == "{'train': 0.4, 'validation': 0.1, 'test': 0.5}"
    assert repr(brief(list(range(100)), "seeds")).startswith("<seeds ")
    assert brief("x" * 100, "text") == "x" * 100


def test_the_hash_follows_the_content_at_any_depth() -> None:
    same, other = checked({}), checked({})
    assert repr(same) == repr(other)
    before = repr(same["spectra"])
    changed = checked({"spectra": {"published": {"80": {"mse": 1, "mae": 1, "r2": 0}}}})
    assert repr(changed["spectra"]) != before
    assert repr(changed["training"]) == repr(same["training"])


def test_a_script_gets_plain_mappings_and_lists() -> None:
    config = checked({})

    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return type(value) is dict and all(map(plain, value.values()))
        return not isinstance(value, list) or (type(value) is list and all(map(plain, value)))

    assert isinstance(config["spectra"], Section)
    assert config == {**config}
    for copied in (pickle.loads(pickle.dumps(config, protocol=4)), copy.deepcopy(config)):
        assert plain(copied)
        assert copied == config


def test_snakemake_records_what_prints() -> None:
    cuts = checked({})["selection"]["cuts"]
    recorded = PersistenceBase._serialize_param_builtin(None, cuts)
    assert recorded == repr(cuts)
    assert recorded.startswith("<selection.cuts ")
    assert str(cuts).startswith("{'clean area': {'description': 'inside and unmasked in ")
