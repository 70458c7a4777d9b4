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
            "learning_rate": training["learning_rate"],
            "low_rank": training["low_rank"],
        }
    return found
