# Settings of the rules in comparisons.smk.


def recipes():
    """Return how each strategy is trained, in words and numbers, by its name."""

    def value(entry, key):
        return entry.get(key, config["training"][key])

    return {
        name: {
            "train_on": entry["train_on"],
            "start_from": entry.get("start_from"),
            "trainable": (
                "all"
                if value(entry, "trainable") == "all"
                else ", ".join(value(entry, "trainable"))
            ),
            "learning_rate": value(entry, "learning_rate"),
            "low_rank": value(entry, "low_rank"),
        }
        for name, entry in config["strategies"].items()
    }
