# Inputs and settings of the rules in diagnostics.smk.


def has_control():
    """Return whether there is a control, and strategies to compare on it."""
    return config["survey"] == "embedded" and len(config["strategies"]) > 1


def has_spectra():
    """Return whether there are spectra to hold the labels of TransferZ against."""
    return config["survey"] != "custom" and config["inputs"]["spectra"] is not None


def trend_metrics(wildcards):
    """Return the metrics in bins of a quantity."""
    name = {"redshift": "per_seed", "magnitude": "per_magnitude"}[wildcards.quantity]
    return f"<results>/metrics/{name}.csv"


def trend_bin_width(wildcards):
    """Return the width of the bins of a quantity."""
    section, key = {
        "redshift": ("evaluation", "bin_width"),
        "magnitude": ("diagnostics", "magnitude_bin_width"),
    }[wildcards.quantity]
    return config[section][key]


def colour_labels():
    """Return the axis labels of the two colours of the maps."""
    bands = config["bands"]
    pairs = config["diagnostics"]["colours"] or [bands[:2], bands[1:3]]
    return [f"${blue} - {red}$ (mag)" for blue, red in pairs]


def stress_samples(wildcards):
    """Return the summaries of the changed samples of the stress tests."""
    names = [
        name for name, entry in config["strategies"].items() if entry.get("sample")
    ]
    if not names:
        raise WorkflowError(
            "diagnostics.stress: no strategies, shares or surveys; see config/stress.yaml"
        )
    return expand("<results>/samples/{strategy}.csv", strategy=names)


BASELINES = ("null", "forest", "boosting", "neighbours")


def baseline_inputs(wildcards):
    """Return the networks' column templates; a function, for their braces are no wildcards."""
    return config["network"]["inputs"]


def baseline_settings(wildcards):
    """Return scikit-learn's keyword arguments of a baseline."""
    keys = config["diagnostics"].get(wildcards.kind, {})
    return {name: value for name, value in keys.items() if name != "seeds"}


def baseline_seeds(wildcards):
    """Return how often a baseline is trained; one time where chance plays no part."""
    return config["diagnostics"].get(wildcards.kind, {}).get("seeds", 1)


# Settings of the rules in comparisons.smk.


def recipes():
    """Return how each strategy is trained, in words and numbers, by its name."""
    found = {}
    for name, entry in config["strategies"].items():
        training = settings_of(name, "training")
        layers = training["trainable"]
        found[name] = {
            "train_on": entry["train_on"],
            "start_from": entry.get("start_from"),
            "trainable": layers if isinstance(layers, str) else ", ".join(layers),
            "low_rank": training["low_rank"],
            **{key: training[key] for key in ("schedule", "learning_rate")},
            **{key: training[key] for key in ("batch_size", "max_epochs")},
        }
    return found


# Settings of the rules in control.smk.


def control_seeds():
    """Return the seeds that are trained on the control."""
    return all_seeds()[: config["diagnostics"]["control_seeds"]]


def control_chunks():
    """Return the chunks of seeds of the run, cut to the seeds of the control."""
    last = control_seeds()[-1]
    chunks = [tuple(map(int, chunk.split("-"))) for chunk in seed_chunks()]
    return [
        f"{first:03d}-{min(end, last):03d}" for first, end in chunks if first <= last
    ]


def learns_from_target(strategy):
    """Return whether a strategy, or one that it starts from, is trained on the target."""
    entry = config["strategies"][strategy]
    parent = entry.get("start_from")
    return entry["train_on"] != "source" or (
        parent is not None and learns_from_target(parent)
    )


def control_models(strategy, chunk):
    """Return the models of a strategy for a chunk of the control: its own, or the run's."""
    if learns_from_target(strategy):
        return f"<results>/control/models/{strategy}/seeds-{chunk}.npz"
    (same,) = [name for name in seed_chunks() if name[:3] == chunk[:3]]
    return f"<results>/models/{strategy}/seeds-{same}.npz"


def control_start(wildcards):
    """Return the models that a strategy starts from; none for most."""
    parent = config["strategies"][wildcards.strategy].get("start_from")
    return control_models(parent, wildcards.chunk) if parent else []


def control_split(wildcards):
    """Return the split table that a strategy is trained on, the control for the target."""
    sample = config["strategies"][wildcards.strategy]["train_on"]
    return f"<results>/control/splits/{sample}.parquet"


def control_predict_models(wildcards):
    """Return the models of a strategy for all seeds of the control."""
    return [control_models(wildcards.strategy, chunk) for chunk in control_chunks()]
