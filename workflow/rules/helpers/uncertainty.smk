# Helpers of calibration.smk and predict.smk: which tables and models an ensemble is made of.


def training_chain(wildcards):
    """Return the split tables that a strategy, and those it starts from, were trained on."""
    tables, name = [], wildcards.strategy
    while name is not None:
        entry = config["strategies"][name]
        tables.append(f"<results>/splits/{entry['train_on']}.parquet")
        name = entry.get("start_from")
    return sorted(set(tables))


def strategy_inputs(wildcards):
    """Return the templates of the columns that the networks of a strategy read."""
    return settings_of(wildcards.strategy, "network")["inputs"]


def applied_models():
    """Return the model files of the strategy that is applied."""
    return per_chunk(
        "<results>/models/{strategy}/seeds-{chunk}.npz", [config["predict"]["strategy"]]
    )


def applied_seeds():
    """Return the seeds of the ensemble that is applied: all, or the first so many."""
    return all_seeds()[: config["predict"]["networks"]]
