# Inputs of the rules in report.smk.


# The tabs of the entry page: figures and tables in the order of a reader.
QUESTIONS = {
    "Does the paper hold?": [
        *("claims", "figure3", "table1", "figure1", "figure2", "figure4", "table2")
    ],
    "Why?": [
        *("trends_redshift", "trends_magnitude", "seed_spread", "control"),
        *("labels_vs_spectra", "colour_space", "learning_curves"),
    ],
    "Are other methods better?": ["baselines", "table3"],
    "How sure are the redshifts?": [
        *("calibration", "conditional_coverage", "requirements", "tomography")
    ],
}
SPECTRA_QUESTIONS = {
    "Does the talk hold?": ["claims", "spectra_predictions", "spectra_heads"],
    "What do the networks see?": ["spectra_examples", "spectra_impact"],
    "How sure are they?": [
        *("spectra_uncertainty", "spectra_resolution", "spectra_labels"),
        "spectra_superresolution",
    ],
}

# Studies that `make paper` leaves out, each with its command; the one list of them.
OTHER_STUDIES = {
    "Lenses with uncertain labels": "snakemake --cores all lenses",
    "Stars and galaxies": "snakemake --cores all star_galaxy",
    "Training galaxies that look like yours": "snakemake --cores all neighbours",
    "Spectra with the speaker's own network": "snakemake --cores all talk --configfile config/talk.yaml",
}


def all_figures():
    """Return the figures of the entry page that this run makes."""
    made = {
        "control": has_control(),
        "labels_vs_spectra": has_spectra(),
        "colour_space": len(config["bands"]) > 2,
    }
    names = [name for tab in QUESTIONS.values() for name in tab]
    names = [n for n in names if n != "claims" and not n.startswith("table")]
    names = [name for name in names if made.get(name, True)]
    return expand("<results>/figures/{name}.png", name=names)


def index_links():
    """Return what else the entry page leads to."""
    links = {"Summary paper (PDF)": "paper.pdf"}
    if config["survey"] == "embedded":
        links["Second study: spectra"] = "spectra.html"
    return links | {
        "How each file was made (after make paper)": "report.html",
        "Published claims, all readings": "claims.md",
        "The data set": "release/README.md",
    }


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
    names = ["figure1", "figure2", "figure3", "trends_redshift"]
    names += ["claims"] + (["control"] if has_control() else [])
    return expand("<results>/figures/{name}.pdf", name=names)


def paper_control():
    """Return the gains on the control, where there is one to compare."""
    return "<results>/figures/control.csv" if has_control() else []
