# Settings of the rules in evaluation.smk, which those of other stages share.


def evaluation_ranges(bins=True):
    """Return the ranges of true redshift to evaluate: arguments of `bins.Ranges`."""
    keys = ["z_range", "full_range"]
    if bins:
        keys += ["bin_width", "bin_z_max", "bin_min_galaxies"]
    return {key: config["evaluation"][key] for key in keys}


def reference_band():
    """Return the band of magnitudes: the configured one, i, or the middle one."""
    bands = config["bands"]
    middle = "i" if "i" in bands else bands[len(bands) // 2]
    band = config["figures"]["reference_band"] or middle
    if band not in bands:
        raise WorkflowError(
            f"figures.reference_band: found {band}, expected one of {', '.join(bands)}"
        )
    return band
