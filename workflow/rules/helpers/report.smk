# Inputs of the rules in report.smk.


def all_figures():
    """Return the PNG figures that have a caption, the paper's first."""
    names = ["figure1", "figure2", "figure3", "figure4"]
    names += ["claims", "trends_redshift", "trends_magnitude"]
    names += ["control"] if has_control() else []
    names += ["baselines"] + (["labels_vs_spectra"] if has_spectra() else [])
    names += ["colour_space"] if len(config["bands"]) > 2 else []
    names += ["seed_spread", "learning_curves", "calibration"]
    names += ["conditional_coverage", "requirements", "tomography"]
    return expand("<results>/figures/{name}.png", name=names)


def page_source(wildcards):
    """Return the Markdown page behind an HTML page."""
    folder = "" if wildcards.page == "claims" else "tables/"
    return f"<results>/{folder}{wildcards.page}.md"


def page_figure(wildcards):
    """Return the figure on top of an HTML page, if it has one."""
    page = wildcards.page
    return f"<results>/figures/{page}.png" if page in ("claims", "tomography") else []


def paper_figures():
    """Return the figures of the paper."""
    names = ["figure1", "figure2", "figure3", "figure4", "trends_redshift"]
    names += ["claims"] + (["control"] if has_control() else [])
    return expand("<results>/figures/{name}.pdf", name=names)


def paper_control():
    """Return the gains on the control, where there is one to compare."""
    return "<results>/figures/control.csv" if has_control() else []
