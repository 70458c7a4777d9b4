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


include: "workflow/rules/common.smk"


config = checked_config(config)


if config["survey"] == "embedded":

    include: "workflow/rules/simulate.smk"


if config["survey"] == "archive":

    include: "workflow/rules/archive.smk"


if config["survey"] == "custom":

    include: "workflow/rules/custom.smk"

else:

    include: "workflow/rules/catalogues.smk"
    include: "workflow/rules/release.smk"
    include: "workflow/rules/catalogue_quality.smk"
    include: "workflow/rules/benchmarks_catalogues.smk"


include: "workflow/rules/splits.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/diagnostics.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/ensembles.smk"
include: "workflow/rules/distributions.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/comparisons.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/overhead.smk"
include: "workflow/rules/benchmarks.smk"


if config["survey"] == "embedded":

    include: "workflow/rules/control.smk"


onerror:
    print(*failed_jobs(log), sep="", end="", file=sys.stderr)


rule all:
    default_target: True
    input:
        (
            [rules.release.input, rules.catalogue_quality.input]
            if config["survey"] != "custom"
            else []
        ),
        rules.tables.input,
        rules.figures.input,
        rules.claims.input,
        rules.diagnostics.input,
        rules.calibration.input,
        rules.pages.input,
        (
            [rules.truth_against_label.output, rules.spectra.input]
            if config["survey"] == "embedded"
            else []
        ),
        "<results>/metrics/per_seed.csv",
        "<results>/run_config.yaml",
