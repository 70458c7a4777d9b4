# Inputs and settings of the rules in diagnostics.smk.


def reference_band():
    """Return the band of magnitudes: the configured one, i, or the middle one."""
    bands = config["bands"]
    middle = "i" if "i" in bands else bands[len(bands) // 2]
    return config["figures"]["reference_band"] or middle


def has_control():
    """Return whether there is a control, and strategies to compare on it."""
    return config["survey"] == "embedded" and len(config["strategies"]) > 1


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


def forest_inputs(wildcards):
    """Return the networks' column templates; a function, for their braces are no wildcards."""
    return config["network"]["inputs"]
