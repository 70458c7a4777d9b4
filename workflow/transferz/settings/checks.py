"""Contradictions between keys, which limits of single keys cannot express: one line each."""

from __future__ import annotations

from collections.abc import Iterator

# What a catalogue table always has, what a cut computes itself (`catalogues.cuts.DERIVED`), and
# where a cut names columns.
ALWAYS_THERE = ("object_id", "ra", "dec", "truth", "source")
COMPUTED = ("photo_z_half_width", "spec_z_relative_err", "chi2_per_filter")
OF_BANDS = ("mag", "mag_err")
COLUMN_WORDS = ("column", "below_column", "above_column")


def cross_key_problems(config: dict) -> list[str]:
    """Return one line for each contradiction in a configuration with all its defaults."""
    stages = (general, survey, catalogues, networks, evaluation, diagnostics, photo_z)
    stages = (*stages, spectra, lenses)
    return [line for stage in stages for line in stage(config)]


def general(config: dict) -> Iterator[str]:
    """Yield labels of nothing, and a folder that holds another survey."""
    known = [*("source", "target"), *config["strategies"], *config["ensembles"]]
    for name in sorted(set(config["labels"]) - set(known)):
        yield f"labels: unknown key '{name}'; known keys: {', '.join(known)}"
    if config["survey"] == "archive" and "embedded" in config["pathvars"]["resources"]:
        yield (
            "pathvars.resources: found the folder of the simulated catalogues, expected another "
            "one, because survey is archive; see config/archive.yaml"
        )


def survey(config: dict) -> Iterator[str]:
    """Yield a custom survey without catalogues."""
    if config["survey"] == "custom" and config["custom"] is None:
        yield (
            "custom: found nothing, expected a catalogue, because survey is custom; write one with "
            "`transferz init`, or see config/examples/des_cosmos.yaml"
        )
    if config["survey"] == "custom":
        for role, described in (config["custom"] or {}).items():
            yield from catalogue_problems(role, described, config)


def catalogue_problems(role: str, described: dict, config: dict) -> Iterator[str]:
    """Yield what a run asks of one of the user's catalogues and its description does not have."""
    columns, key = described["columns"], f"custom.{role}"
    if columns["mag_err"] is None:
        inputs = [name for entry in trained(config).values() for name in inputs_of(entry, config)]
        if any("_err_" in name for name in inputs) or described.get("min_snr"):
            yield f"{key}.columns.mag_err: found null, but network.inputs or {key}.min_snr needs it"
    yield from unknown_cut_columns(key, described, config["bands"])


def trained(config: dict) -> dict:
    """Return the entries of all networks."""
    return config["strategies"] | config["ensembles"]


def inputs_of(entry: dict, config: dict) -> list[str]:
    """Return the templates of the inputs of a strategy or an ensemble."""
    return entry.get("inputs", config["network"]["inputs"])


def unknown_cut_columns(key: str, described: dict, bands: list[str]) -> Iterator[str]:
    """Yield one line for each column that a cut asks for and nobody reads."""
    named = [name for name, column in described["columns"].items() if column is not None]
    templates = [f"{name}_{{band}}" if name in OF_BANDS else name for name in named]
    templates += [*ALWAYS_THERE, *COMPUTED, *described["extra_columns"]]
    known = {name.replace("{band}", band) for name in templates for band in (*bands, "{band}")}
    for cut, entry in described["cuts"].items():
        asked = [*entry.get("columns", ())] if entry else []
        asked += [entry[word] for word in COLUMN_WORDS if word in (entry or ())]
        for name in asked:
            if name not in known:
                yield (
                    f"{key}.cuts.{cut}: found the column '{name}', expected one of "
                    f"{', '.join(dict.fromkeys(templates))}; read it with "
                    f"{key}.extra_columns: {{{name}: its name in the file}}"
                )


def catalogues(config: dict) -> Iterator[str]:
    """Yield shares of the three sets that are not a whole, and columns that are not there."""
    total = sum(config["splits"]["fractions"].values())
    if abs(total - 1) > 1e-6:
        yield f"splits.fractions: found a sum of {total:g}, expected 1"
    if config["survey"] != "custom":
        return
    for role, described in (config["custom"] or {}).items():
        columns, method = described["columns"], config["splits"]["method"][role]
        if config["splits"]["identity"]["one_release"] and columns["object_id"] is None:
            yield (
                f"splits.identity.one_release: found true, but custom.{role}.columns.object_id "
                "is null; name the column of the identifiers, or set it to false"
            )
        needed = {"published": ["split"], "sky": ["ra", "dec"]}.get(method, [])
        for name in (name for name in needed if columns[name] is None):
            yield (
                f"splits.method.{role}: found {method}, but custom.{role}.columns.{name} is null; "
                "name the column, or choose object"
            )


def networks(config: dict) -> Iterator[str]:
    """Yield strategies that start from nothing, in a circle or from other layers."""
    strategies = config["strategies"]
    softened = config["softening"]
    lacking = [band for band in config["bands"] if band not in softened]
    asinh = [
        name
        for name, entry in trained(config).items()
        if any("asinh_" in template for template in inputs_of(entry, config))
    ]
    if asinh and lacking:
        yield (
            f"softening: found nothing for {', '.join(lacking)}, expected an AB "
            f"magnitude for each band, because {', '.join(asinh)} read asinh magnitudes; about "
            "the 5-sigma depth + 1.7"
        )
    if not strategies:
        yield "strategies: none left; keep at least one entry that is not null"
    for name, entry in config["ensembles"].items():
        yield from layer_problems("ensembles", name, entry, config)
        if name in strategies:
            yield f"ensembles.{name}: found a name that a strategy has, expected another one"
    for name, entry in strategies.items():
        yield from layer_problems("strategies", name, entry, config)
        yield from sample_problems(name, entry, config)
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


def sample_problems(name: str, entry: dict, config: dict) -> Iterator[str]:
    """Yield what a changed sample needs and does not have."""
    sample = entry.get("sample") or {}
    change, key = sample.get("change"), f"strategies.{name}.sample"
    if sample and entry["train_on"] == "source":
        yield f"{key}: found train_on: source, expected target or combo, which have spectra"
    if change in ("faint", "redshift", "type", "lines") and "share" not in sample:
        yield f"{key}.share: found nothing, expected a share of the rows, for change is {change}"
    if change == "augment" and any("asinh_" in name for name in inputs_of(entry, config)):
        yield f"{key}: found augment with asinh magnitudes, which the copies would not have"
    if change == "surveys" and ("surveys" not in sample or config["survey"] != "embedded"):
        yield f"{key}.surveys: expected names of surveys, in a run of the embedded survey"


def layer_problems(kind: str, name: str, entry: dict, config: dict) -> Iterator[str]:
    """Yield one line for each contradiction between an entry of `kind`, its layers, its parent."""
    parent = config["strategies"].get(entry.get("start_from")) or {}
    for key in ("inputs", "scaling", "hidden", "activation", "skip"):
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
            f"{kind}.{name}.head: found no loss, expected a weight of cross_entropy or "
            "jensen_shannon above 0"
        )
    if entry.get("low_rank") and "start_from" not in entry:
        yield (
            f"{kind}.{name}.low_rank: found {entry['low_rank']} without start_from; a "
            "correction needs a network to correct"
        )
    trainable = entry.get("trainable", config["training"]["trainable"])
    n_hidden = len(entry.get("hidden", config["network"]["hidden"]))
    layers = [*(f"hidden_{k}" for k in range(1, n_hidden + 1)), "redshift"]
    unknown = [] if isinstance(trainable, str) else sorted(set(trainable) - set(layers))
    if unknown:
        yield (
            f"{kind}.{name}.trainable: found {', '.join(unknown)}, expected all or some of "
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
    figures = config["figures"]
    band = [] if figures["reference_band"] is None else [figures["reference_band"]]
    yield from unknown_bands("figures.reference_band", band, config)
    yield from unknown_bands("figures.colour", figures["colour"] or [], config)
    shown, first = figures["figure2_seed"], config["seeds"]["first"]
    last = first + config["seeds"]["count"] - 1
    if shown is not None and not first <= shown <= last:
        yield (
            f"figures.figure2_seed: found {shown}, expected a seed of this run, {first} to {last}"
        )


def diagnostics(config: dict) -> Iterator[str]:
    """Yield colours of bands that are not there, and stress tests of unknown strategies."""
    for name in config["diagnostics"]["stress"]["strategies"]:
        if name not in config["strategies"]:
            yield (
                f"diagnostics.stress.strategies: found '{name}', expected one of "
                f"{', '.join(config['strategies'])}"
            )
    for pair in config["diagnostics"]["colours"] or []:
        yield from unknown_bands("diagnostics.colours", pair, config)


def unknown_bands(key: str, chosen: list[str], config: dict) -> Iterator[str]:
    """Yield one line for each chosen band that the run does not have."""
    for band in chosen:
        if band not in config["bands"]:
            yield f"{key}: found '{band}', expected one of {', '.join(config['bands'])}"


def photo_z(config: dict) -> Iterator[str]:
    """Yield an ensemble that is to be applied and is not trained, and edges out of order."""
    strategy, known = config["predict"]["strategy"], config["strategies"] | config["ensembles"]
    if strategy not in known:
        yield f"predict.strategy: found '{strategy}', expected one of {', '.join(known)}"
    edges = config["tomography"]["edges"]
    if isinstance(edges, list) and edges != sorted(set(edges)):
        yield f"tomography.edges: found {edges}, expected ascending numbers"


def spectra(config: dict) -> Iterator[str]:
    """Yield sizes that do not fit together, and studies of what is not described."""
    section = config["spectra"]
    simulation, training, grism = (section[name] for name in ("simulation", "training", "grism"))
    kept = simulation["validation"] + simulation["test"]
    if simulation["seds"] <= kept:
        yield (
            f"spectra.simulation.seds: found {simulation['seds']}, expected more than validation + "
            f"test = {kept}"
        )
    if grism["wavelength_min"] >= grism["wavelength_max"]:
        yield (
            f"spectra.grism.wavelength_max: found {grism['wavelength_max']}, expected more than "
            f"wavelength_min = {grism['wavelength_min']}"
        )
    if training["updates"] % training["validate_every"]:
        yield (
            f"spectra.training.updates: found {training['updates']}, expected a multiple of "
            f"validate_every = {training['validate_every']}"
        )
    available = (simulation["seds"] - kept) * simulation["redshifts_per_sed"]
    described = {"architecture": "architectures", "labels": "labels", "loss": "losses"}
    for name, study in section["studies"].items():
        axes = {key: [value] for key, value in section["default"].items()} | (study or {})
        for axis, place in described.items() if study else ():
            known = [key for key, value in section[place].items() if value is not None]
            known += ["squared_error", "absolute_error"] if axis == "loss" else []
            for value in axes[axis]:
                if value not in known:
                    yield (
                        f"spectra.studies.{name}.{axis}: found '{value}', expected one of "
                        f"{', '.join(known)}, the keys of spectra.{place}"
                    )
        if study and not simulation["files"] and max(axes["n_train"]) > available:
            yield (
                f"spectra.studies.{name}.n_train: found {max(axes['n_train'])}, expected at most "
                f"{available}; raise spectra.simulation.seds or redshifts_per_sed"
            )


def lenses(config: dict) -> Iterator[str]:
    """Yield too few rays for the waves of the field, and studies of a loss not described."""
    section = config["lenses"]
    camera, modes = section["camera"], section["simulation"]["modes"]
    rays = camera["pixels"] * camera["oversampling"]
    if rays < 2 * modes:
        yield (
            f"lenses.camera.oversampling: found {rays} rays along the side, expected at least "
            f"{2 * modes}, twice lenses.simulation.modes"
        )
    for name, study in section["studies"].items():
        loss = (section["default"] | (study or {}))["loss"]
        if study is not None and loss not in section["losses"]:
            yield (
                f"lenses.studies.{name}.loss: found '{loss}', expected one of "
                f"{', '.join(section['losses'])}, the keys of lenses.losses"
            )
