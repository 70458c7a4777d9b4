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
    return entry["train_on"] != "transferz" or (
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
