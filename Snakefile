# TransferZ: Soriano et al. 2024 (arXiv:2411.18054) from catalogues to figures, as one workflow.
#
#   snakemake --cores 2                       every product of the paper (rule all, below)
#   snakemake --cores 2 figures               one group of products
#   snakemake --cores 2 --configfile X.yaml   another run: X overlays config/config.yaml
#
# Needs snakemake and what comes with it only: a dry-run imports no science package.

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/helpers/common.smk"


config = checked_config(config)


include: "workflow/rules/survey.smk"
include: "workflow/rules/catalogues.smk"


if config["survey"] != "custom":

    include: "workflow/rules/release.smk"


include: "workflow/rules/networks.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/diagnostics.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/uncertainty.smk"
include: "workflow/rules/photo_z.smk"
include: "workflow/rules/peers.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/helpers/stages.smk"


onerror:
    print(*failed_jobs(log), sep="", end="", file=sys.stderr)


rule all:
    """Every product of the run."""
    default_target: True
    input:
        (
            [rules.release.input, rules.catalogue_quality.input]
            if config["survey"] != "custom"
            else []
        ),
        rules.tables.input,
        rules.table_calibration.output,
        (
            [
                rules.figures.input,
                rules.claims.input,
                rules.diagnostics.input,
                rules.calibration.input,
                rules.tomography.input,
                rules.pages.input,
            ]
            if "target" in roles()
            else [rules.figure2.output, rules.plot_learning_curves.output]
        ),
        (
            [rules.truth.input, rules.spectra.input]
            if config["survey"] == "embedded"
            else []
        ),
        "<results>/metrics/per_seed.csv",
        "<results>/run_config.yaml",
