# Helpers of calibration.smk and predict.smk: which tables and models an ensemble is made of.


def training_samples(strategy):
    """Return the samples that a strategy, and those it starts from, are trained on."""
    samples, name = set(), strategy
    while name is not None:
        entry = entry_of(name)
        samples.add(entry["train_on"])
        name = entry.get("start_from")
    return samples


def trained_on(wildcards):
    """Return, in words for the metadata of photo-z's, what a strategy is trained on."""
    names = {"source": " x ".join(input_names()), "target": target_name()}
    samples, kinds = training_samples(wildcards.strategy), redshift_kinds()
    record = {"survey": config["survey"]}
    for role, kind in kinds.items():
        if samples & {role, "combo"}:
            simulated = "simulated " if config["survey"] == "embedded" else ""
            record[role] = f"{simulated}{names[role]} ({kind})"
    return record


def training_chain(wildcards):
    """Return the split tables that a strategy, and those it starts from, were trained on."""
    samples = training_samples(wildcards.strategy)
    # In one order whoever starts from whom: sums over their rows are then the same to the last bit.
    ordered = [name for name in ("combo", "target", "source") if name in samples]
    return [f"<results>/splits/{name}.parquet" for name in ordered]


def strategy_inputs(wildcards):
    """Return the templates of the columns that the networks of a strategy read."""
    return settings_of(wildcards.strategy, "network")["inputs"]


def applied_models():
    """Return the model files of the strategy that is applied."""
    return models_of(config["predict"]["strategy"])


def applied_seeds():
    """Return the seeds of the ensemble that is applied: all, or the first so many."""
    own = entry_of(config["predict"]["strategy"]).get("seeds", config["seeds"]["count"])
    first = config["seeds"]["first"]
    return range(first, first + own)[: config["predict"]["networks"]]
