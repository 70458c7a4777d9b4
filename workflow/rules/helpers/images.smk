# What the rules of images.smk take from the configuration: pure functions, no rules.


def lens_studies():
    """Return the studies that are not switched off, each with what it takes from `default`."""
    section = config["lenses"]
    return {
        name: section["default"] | study
        for name, study in section["studies"].items()
        if study is not None
    }


def lens_study(wildcards):
    """Return one study."""
    return brief(lens_studies()[wildcards.lens_study], f"lenses.{wildcards.lens_study}")


def lens_loss(wildcards):
    """Return the loss of one study."""
    return config["lenses"]["losses"][lens_study(wildcards)["loss"]]


def lens_copies():
    """Return the copies of each lens, and the ranges of the parameters."""
    section = config["lenses"]
    limits = {name: section["simulation"][name] for name in ("log_a", "beta")}
    return brief(section["copies"] | {"limits": limits}, "lenses.copies")
