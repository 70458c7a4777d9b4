"""Contradictions between keys, one by one, with the line shown."""

from __future__ import annotations

import pytest

from transferz.catalogues import cuts
from transferz.settings.checks import COMPUTED, cross_key_problems
from transferz.settings.loader import checked, own_strategies_last, with_defaults

HEAD = {"bins": 80, "z_max": 4, "cross_entropy": 1}
BASE = {"train_on": "combo"}
NAMES = "NN-Base, NN-TL, NN-Combo"


def child(**keys: object) -> dict:
    """A configuration with two strategies: B starts from A."""
    return {
        "strategies": {"A": {**BASE, "head": None}, "B": {**BASE, "start_from": "A", **keys}},
        "predict": {"strategy": "A"},
    }


def own(cuts: dict | None = None, **keys: object) -> dict:
    """A run of one catalogue of magnitudes and redshifts."""
    columns, flags = {"mag": "m_{band}", "redshift": "z"}, {"flag_{band}": "f_{band}"}
    known = {"good": {"columns": ["flag_g", "mag_{band}"], "max": 30}, "off": None}
    source = {"columns": columns, "extra_columns": flags, "cuts": known | (cuts or {})}
    return {"survey": "custom", "custom": {"source": source}} | keys


CASES = {
    "label of nothing": (
        {"labels": {"NN-Bas": "x"}},
        f"labels: unknown key 'NN-Bas'; known keys: source, target, {NAMES}, NN-Colours",
    ),
    "archive in the folder of the simulation": (
        {"survey": "archive"},
        "pathvars.resources: found the folder of the simulated catalogues, expected another one, "
        "because survey is archive; see config/archive.yaml",
    ),
    "custom without catalogues": (
        {"survey": "custom"},
        "custom: found nothing, expected a catalogue, because survey is custom; write one with "
        "`transferz init`, or see config/examples/des_cosmos.yaml",
    ),
    "asinh magnitudes without a softening": (
        {"softening": {"g": 28, "r": 28}, "ensembles": {"A": BASE | {"inputs": ["asinh_{band}"]}}},
        "softening: found nothing for i, z, y, expected an AB magnitude for each band, because A "
        "read asinh magnitudes; about the 5-sigma depth + 1.7",
    ),
    "magnitude errors that nobody has": (
        own(network={"inputs": ["mag_{band}", "mag_err_{band}"]}),
        "custom.source.columns.mag_err: found null, but network.inputs or custom.source.min_snr "
        "needs it",
    ),
    "cut on a column that is not read": (
        own(cuts={"quality": {"column": "zqual", "min": 3}}),
        "custom.source.cuts.quality: found the column 'zqual', expected one of mag_{band}, "
        "redshift, object_id, ra, dec, truth, source, photo_z_half_width, spec_z_relative_err, "
        "chi2_per_filter, flag_{band}; read it with custom.source.extra_columns: {zqual: its name "
        "in the file}",
    ),
    "shares that are not a whole": (
        {"splits": {"fractions": {"train": 0.7}}},
        "splits.fractions: found a sum of 1.3, expected 1",
    ),
    "identifiers of one release that a catalogue does not have": (
        {
            "survey": "custom",
            "custom": {"source": {"columns": {"object_id": "id"}}, "target": {"columns": {}}},
            "splits": {"identity": {"one_release": True}, "method": {"target": "object"}},
        },
        "splits.identity.one_release: found true, but custom.target.columns.object_id is null; "
        "name the column of the identifiers, or set it to false",
    ),
    "published split of a catalogue that has none": (
        {
            "survey": "custom",
            "custom": {"source": {"columns": {}}, "target": {"columns": {}}},
            "splits": {"method": {"target": "published"}},
        },
        "splits.method.target: found published, but custom.target.columns.split is null; name the "
        "column, or choose object",
    ),
    "blocks of sky without a declination": (
        {
            "survey": "custom",
            "custom": {"source": {"columns": {"ra": "ra"}}, "target": {"columns": {}}},
            "splits": {"method": {"source": "sky", "target": "object"}},
        },
        "splits.method.source: found sky, but custom.source.columns.dec is null; name the column, "
        "or choose object",
    ),
    "no strategy": (
        {"strategies": {"NN-Base": None}},
        "strategies: none left; keep at least one entry that is not null",
    ),
    "start from nothing": (
        {"strategies": {"A": BASE | {"start_from": "B"}}, "predict": {"strategy": "A"}},
        "strategies.A.start_from: found 'B', expected one of A",
    ),
    "start in a circle": (
        {
            "strategies": {"A": BASE | {"start_from": "B"}, "B": BASE | {"start_from": "A"}},
            "predict": {"strategy": "A"},
        },
        "strategies.A.start_from: the chain comes back to 'A'",
    ),
    "other layers than the parent": (
        child(hidden=[3]),
        "strategies.B.hidden: found [3], expected [200, 200, 200, 200] as in A, which it starts "
        "from",
    ),
    "other classes than the parent": (
        child(head=HEAD),
        "strategies.B.head.bins: found 80, expected None as in A, which it starts from",
    ),
    "classes without a loss": (
        {
            "strategies": {"A": BASE | {"head": {"bins": 80, "z_max": 4}}},
            "predict": {"strategy": "A"},
        },
        "strategies.A.head: found no loss, expected a weight of cross_entropy or jensen_shannon "
        "above 0",
    ),
    "correction of nothing": (
        {"strategies": {"A": BASE | {"low_rank": 4}}, "predict": {"strategy": "A"}},
        "strategies.A.low_rank: found 4 without start_from; a correction needs a network to "
        "correct",
    ),
    "a layer that there is not": (
        child(trainable=["hidden_5", "redshift"]),
        "strategies.B.trainable: found hidden_5, expected all or some of hidden_1, hidden_2, "
        "hidden_3, hidden_4, redshift",
    ),
    "comparison with nothing": (
        {"evaluation": {"comparisons": [["NN-TL", "NN-Bas"]]}},
        "evaluation.comparisons: found 'NN-Bas', expected one of " + NAMES,
    ),
    "range upside down": (
        {"evaluation": {"z_range": [1.5, 0.3]}},
        "evaluation.z_range: found [1.5, 0.3], expected low < high",
    ),
    "figure of a seed that is not run": (
        {"figures": {"figure2_seed": 7}, "seeds": {"first": 8, "count": 2}},
        "figures.figure2_seed: found 7, expected a seed of this run, 8 to 9",
    ),
    "magnitude in a band that there is not": (
        {"figures": {"reference_band": "u"}},
        "figures.reference_band: found 'u', expected one of g, r, i, z, y",
    ),
    "colour of a band that there is not": (
        {"figures": {"colour": ["u", "g"]}},
        "figures.colour: found 'u', expected one of g, r, i, z, y",
    ),
    "map of a band that there is not": (
        {"diagnostics": {"colours": [["g", "r"], ["r", "K"]]}},
        "diagnostics.colours: found 'K', expected one of g, r, i, z, y",
    ),
    "too few rays for a lens": (
        {"lenses": {"camera": {"oversampling": 2}}},
        "lenses.camera.oversampling: found 64 rays along the side, expected at least 100, twice "
        "lenses.simulation.modes",
    ),
    "loss of lenses that is not described": (
        {"lenses": {"studies": {"published": {"loss": "softest"}}}},
        "lenses.studies.published.loss: found 'softest', expected one of published, divergence, "
        "strong_entropy, the keys of lenses.losses",
    ),
    "no spectrum to train on": (
        {"spectra": {"simulation": {"seds": 2000}}},
        "spectra.simulation.seds: found 2000, expected more than validation + test = 2000",
    ),
    "instrument upside down": (
        {"spectra": {"grism": {"wavelength_max": 12060}}},
        "spectra.grism.wavelength_max: found 12060, expected more than wavelength_min = 12060",
    ),
    "training that ends between validations": (
        {"spectra": {"training": {"updates": 250}}},
        "spectra.training.updates: found 250, expected a multiple of validate_every = 100",
    ),
    "study of what is not described": (
        {"spectra": {"studies": {"heads": {"seeds": 1, "loss": ["softest"]}}}},
        "spectra.studies.heads.loss: found 'softest', expected one of hard_cross_entropy, "
        "soft_cross_entropy, jensen_shannon, jensen_shannon_entropy, "
        "jensen_shannon_strong_entropy, squared_error, absolute_error, the keys of spectra.losses",
    ),
    "study of a network that was switched off": (
        {"spectra": {"architectures": {"base": None, "deep": {"convolutions": [], "dense": []}}}},
        "spectra.studies.heads.architecture: found 'base', expected one of deep, the keys of "
        "spectra.architectures",
    ),
    "study of more spectra than there are": (
        {"spectra": {"studies": {"heads": {"seeds": 1, "n_train": [100, 9000]}}}},
        "spectra.studies.heads.n_train: found 9000, expected at most 8000; raise "
        "spectra.simulation.seds or redshifts_per_sed",
    ),
    "sample without spectra": (
        {"strategies": {"NN-Base": {"train_on": "source", "sample": {"change": "augment"}}}},
        "strategies.NN-Base.sample: found train_on: source, expected target or combo, which have "
        "spectra",
    ),
    "sample that loses nothing": (
        {"strategies": {"S": {"train_on": "target", "sample": {"change": "faint"}}}},
        "strategies.S.sample.share: found nothing, expected a share of the rows, for change is "
        "faint",
    ),
    "stress test of an unknown strategy": (
        {"diagnostics": {"stress": {"strategies": ["NN"]}}},
        f"diagnostics.stress.strategies: found 'NN', expected one of {NAMES}",
    ),
    "ensemble that is not trained": (
        {"predict": {"strategy": "NN"}},
        f"predict.strategy: found 'NN', expected one of {NAMES}, NN-Colours",
    ),
    "ensemble under the name of a strategy": (
        {"ensembles": {"NN-TL": {"train_on": "combo", "seeds": 2}}},
        "ensembles.NN-TL: found a name that a strategy has, expected another one",
    ),
    "ensemble with a layer that it does not have": (
        {"ensembles": {"E": {"train_on": "combo", "seeds": 2, "trainable": ["hidden_9"]}}},
        "ensembles.E.trainable: found hidden_9, expected all or some of hidden_1, hidden_2, "
        "hidden_3, hidden_4, redshift",
    ),
}


def problems(config: dict) -> list[str]:
    filled = with_defaults(config)
    return cross_key_problems(filled | {"strategies": own_strategies_last(filled["strategies"])})


@pytest.mark.parametrize("case", CASES)
def test_contradiction(case: str) -> None:
    config, line = CASES[case]
    assert line in problems(config)


def test_stress_tests_are_strategies_on_worse_samples() -> None:
    stress = {"strategies": ["NN-TL"], "shares": {"faint": [0.25]}, "surveys": ["gama"]}
    found = checked({"diagnostics": {"stress": stress}})["strategies"]
    assert found["NN-TL-faint-25"]["sample"] == {"change": "faint", "share": 0.25}
    assert found["NN-TL-faint-25"]["start_from"] == found["NN-TL"]["start_from"] == "NN-Base"
    assert found["NN-TL-surveys"]["sample"]["surveys"] == ["gama"] and len(found) == 5


def test_a_cut_may_name_what_the_code_computes() -> None:
    assert set(COMPUTED) == set(cuts.DERIVED)


def test_what_fits_is_nothing_to_complain_about() -> None:
    assert problems(own()) == []
    assert problems({}) == []
    assert problems(child(trainable=["hidden_4", "redshift"], low_rank=2)) == []
    assert problems({"spectra": {"studies": {"heads": {"seeds": 1}, "size": None}}}) == []
    assert problems({"figures": {"figure2_seed": 9}, "seeds": {"first": 8, "count": 2}}) == []
