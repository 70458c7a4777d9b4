# What the rules of spectra.smk take from config["spectra"]: pure functions, no rules.


def spectra_studies():
    """Return the studies that are not switched off."""
    return [
        name
        for name, study in config["spectra"]["studies"].items()
        if study is not None
    ]


def spectra_study(wildcards):
    """Return what one study needs to know; an edit of anything else leaves it alone."""
    section, default = config["spectra"], config["spectra"]["default"]
    study = section["studies"][wildcards.study]
    used = {
        axis: list(study.get(axis, [default[axis]]))
        for axis in ("architecture", "labels", "loss")
    }
    settings = {
        "study": study,
        "default": default,
        "architectures": {
            name: section["architectures"].get(name) for name in used["architecture"]
        },
        "labels": {name: section["labels"].get(name) for name in used["labels"]},
        "losses": {name: section["losses"].get(name) for name in used["loss"]},
        "training": section["training"],
        "z_range": section["simulation"]["z_range"],
    }
    return brief(settings, f"study {wildcards.study}")


def spectra_classical():
    """Return the classical methods' predictions; spectra from files come without SEDs for them."""
    return [] if config["spectra"]["simulation"]["files"] else ["templates"]


def spectra_templates():
    """Return what the classical methods need: every S/N that a network is tested at."""
    section = config["spectra"]
    levels = {section["default"]["snr"]}
    levels.update(
        *(section["studies"][name].get("snr", []) for name in spectra_studies())
    )
    return {
        "snr": sorted(map(float, levels), reverse=True),
        "keep_snr": [section["default"]["snr"]],
        "components": section["templates"]["components"],
        "groups": section["templates"]["groups"],
        "classes": section["templates"]["classes"],
        "z_range": section["simulation"]["z_range"],
    }


def spectra_heads():
    """Return heads, S/N and seeds of the study `heads`, which tables and figures are about."""
    study, default = config["spectra"]["studies"]["heads"], config["spectra"]["default"]
    return {
        "heads": study.get("head", [default["head"]]),
        "levels": study.get("snr", [default["snr"]]),
        "seeds": list(range(study["seeds"])),
    }


def spectra_labels():
    """Return recipes and losses of the study `labels`."""
    study, section = config["spectra"]["studies"]["labels"] or {}, config["spectra"]
    names = dict.fromkeys([section["default"]["labels"], *study.get("labels", [])])
    return {
        "recipes": {name: section["labels"][name] for name in names},
        "losses": study.get("loss", [section["default"]["loss"]]),
    }


def spectra_coarse():
    """Return the recipes of the study `labels` that tell only a coarse bin."""
    recipes = spectra_labels()["recipes"]
    return [name for name, recipe in recipes.items() if recipe.get("width")]


def spectra_figures(*suffixes):
    """Return the figures that the studies of this run allow, in the order of a reader."""
    names = ["examples", "predictions", "impact", "resolution"]
    if "labels" in spectra_studies():
        names.append("labels")
        if spectra_coarse():
            names.append("superresolution")
    names.append("uncertainty")
    return expand(
        "<results>/figures/spectra_{name}.{suffix}", name=names, suffix=suffixes
    )
