# The second study: redshifts from simulated grism spectra, regression against classification.
#
# Inputs   none; sizes, instrument, networks and studies from config["spectra"]
# Outputs  <results>/spectra/: spectra, predictions and distributions per study, metrics.csv,
#          uncertainty.csv, claims.{csv,md}; <results>/tables/spectra_*; <results>/figures/spectra_*


include: "helpers/spectra.smk"


N_SPECTRA = (
    config["spectra"]["simulation"]["seds"]
    * config["spectra"]["simulation"]["redshifts_per_sed"]
)

FIGURE = {"pdf": ".pdf", "png": ".png", "table": ".csv", "caption": ".md"}


localrules:
    spectra_table_recipes,
    spectra_judge_claims,
    spectra_table_heads,


if config["spectra"]["simulation"]["files"]:

    rule spectra_read:
        """Read spectra of your own in place of simulated ones."""
        input:
            **config["spectra"]["simulation"]["files"],
        output:
            table="<results>/spectra/spectra.npz",
        log:
            "<logs>/spectra_read.log",
        benchmark:
            "<benchmarks>/spectra_read.tsv"
        conda:
            "../../envs/survey.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            simulation=config["spectra"]["simulation"],
            grism=config["spectra"]["grism"],
            code=code_hash("spectra/read", "survey"),
        message:
            "Reading spectra of {input.spectra}"
        script:
            "../scripts/spectra/read.py"


rule spectra_simulate:
    """Simulate grism spectra of galaxies."""
    output:
        spectra=(
            "<results>/spectra/simulated.npz"
            if config["spectra"]["simulation"]["files"]
            else "<results>/spectra/spectra.npz"
        ),
        templates="<results>/spectra/templates.npz",
        seds="<results>/spectra/seds.parquet",
    log:
        "<logs>/spectra_simulate.log",
    benchmark:
        "<benchmarks>/spectra_simulate.tsv"
    conda:
        "../../envs/survey.yaml"
    resources:
        mem_mb=request(1000 + N_SPECTRA // 20),
        runtime=request(10 + N_SPECTRA // 2000),
    params:
        simulation=config["spectra"]["simulation"],
        grism=config["spectra"]["grism"],
        n_templates=config["spectra"]["templates"]["seds"],
        code=code_hash("spectra/simulate", "survey"),
    message:
        "Simulating spectra of {params.simulation[seds]} galaxies"
    script:
        "../scripts/spectra/simulate.py"


rule spectra_train:
    """Train the networks of one study of spectra."""
    input:
        spectra="<results>/spectra/spectra.npz",
    output:
        predictions="<results>/spectra/predictions/{study}.parquet",
        probabilities="<results>/spectra/probabilities/{study}.npz",
        history="<results>/spectra/predictions/{study}.history.csv",
    log:
        "<logs>/spectra_train/{study}.log",
    benchmark:
        "<benchmarks>/spectra_train/{study}.tsv"
    wildcard_constraints:
        study="(?!templates)[a-z_]+",
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(2000, per_input=20),
        runtime=request(30, per_input=1),
    params:
        settings=spectra_study,
        code=code_hash("spectra/train", "training"),
    message:
        "Training the networks of the study of {wildcards.study}"
    script:
        "../scripts/spectra/train.py"


rule spectra_fit_templates:
    """Fit templates to the test spectra, as a classical method."""
    input:
        spectra="<results>/spectra/spectra.npz",
        templates="<results>/spectra/templates.npz",
    output:
        predictions="<results>/spectra/predictions/templates.parquet",
        probabilities="<results>/spectra/probabilities/templates.npz",
    log:
        "<logs>/spectra_fit_templates.log",
    benchmark:
        "<benchmarks>/spectra_fit_templates.tsv"
    conda:
        "../../envs/survey.yaml"
    resources:
        mem_mb=request(1000, per_input=20),
        runtime=request(20, per_input=1),
    params:
        settings=spectra_templates(),
        code=code_hash("spectra/fit_templates", "survey"),
    message:
        "Fitting templates to the test spectra"
    script:
        "../scripts/spectra/fit_templates.py"


rule spectra_evaluate:
    """Score networks and classical methods on the same spectra."""
    input:
        predictions=expand(
            "<results>/spectra/predictions/{study}.parquet",
            study=[*spectra_studies(), *spectra_classical()],
        ),
    output:
        metrics="<results>/spectra/metrics.csv",
    log:
        "<logs>/spectra_evaluate.log",
    benchmark:
        "<benchmarks>/spectra_evaluate.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        code=code_hash("spectra/evaluate", "plots"),
    message:
        "Scoring networks and classical methods on the same spectra"
    script:
        "../scripts/spectra/evaluate.py"


rule spectra_table_heads:
    """Write the table of regression and classification beside the published numbers."""
    input:
        metrics="<results>/spectra/metrics.csv",
    output:
        multiext("<results>/tables/spectra_heads", csv=".csv", md=".md", tex=".tex"),
    log:
        "<logs>/spectra_table_heads.log",
    benchmark:
        "<benchmarks>/spectra_table_heads.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        heads=spectra_heads()["heads"],
        levels=spectra_heads()["levels"],
        default=config["spectra"]["default"],
        published=config["spectra"]["published"],
        code=code_hash("spectra/table_heads", "plots"),
    message:
        "Table of the heads beside the published numbers"
    script:
        "../scripts/spectra/table_heads.py"


rule spectra_table_recipes:
    """Write every kind of network, with what it was trained by, beside the published numbers."""
    input:
        metrics="<results>/spectra/metrics.csv",
    output:
        csv="<results>/tables/spectra_recipes.csv",
        md="<results>/tables/spectra_recipes.md",
    log:
        "<logs>/spectra_table_recipes.log",
    benchmark:
        "<benchmarks>/spectra_table_recipes.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        published=config["spectra"]["published"],
        code=code_hash("spectra/table_recipes", "plots"),
    message:
        "Table of all kinds of networks for spectra"
    script:
        "../scripts/spectra/table_recipes.py"


rule spectra_judge_claims:
    """Give a verdict on each published claim about redshifts from spectra."""
    input:
        metrics="<results>/spectra/metrics.csv",
        claims="config/claims.yaml",
    output:
        csv="<results>/spectra/claims.csv",
        md="<results>/spectra/claims.md",
    log:
        "<logs>/spectra_judge_claims.log",
    benchmark:
        "<benchmarks>/spectra_judge_claims.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        default=config["spectra"]["default"],
        published=config["spectra"]["published"],
        levels=spectra_heads()["levels"],
        z_range=config["spectra"]["simulation"]["z_range"],
        code=code_hash("spectra/judge_claims", "plots"),
    message:
        "Judging the published claims on redshifts from spectra"
    script:
        "../scripts/spectra/judge_claims.py"


rule spectra_uncertainty:
    """Separate aleatoric from epistemic uncertainty."""
    input:
        spectra="<results>/spectra/spectra.npz",
        probabilities="<results>/spectra/probabilities/heads.npz",
    output:
        table="<results>/spectra/uncertainty.parquet",
        summary="<results>/spectra/uncertainty.csv",
    log:
        "<logs>/spectra_uncertainty.log",
    benchmark:
        "<benchmarks>/spectra_uncertainty.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        default=config["spectra"]["default"],
        seeds=spectra_heads()["seeds"],
        z_range=config["spectra"]["simulation"]["z_range"],
        code=code_hash("spectra/uncertainty", "plots"),
    message:
        "Telling aleatoric and epistemic uncertainty apart"
    script:
        "../scripts/spectra/uncertainty.py"


rule spectra_plot_predictions:
    """Draw predicted against true redshifts from spectra."""
    input:
        predictions=[
            "<results>/spectra/predictions/heads.parquet",
            "<results>/spectra/predictions/templates.parquet",
        ],
    output:
        multiext("<results>/figures/spectra_predictions", **FIGURE),
    log:
        "<logs>/spectra_plot_predictions.log",
    benchmark:
        "<benchmarks>/spectra_plot_predictions.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        heads=spectra_heads()["heads"],
        levels=spectra_heads()["levels"],
        default=config["spectra"]["default"],
        z_range=config["spectra"]["simulation"]["z_range"],
        code=code_hash("spectra/plot_predictions", "plots"),
    message:
        "Plotting predicted against true redshifts from spectra"
    script:
        "../scripts/spectra/plot_predictions.py"


rule spectra_plot_examples:
    """Draw example spectra with their redshift distributions."""
    input:
        spectra="<results>/spectra/spectra.npz",
        networks="<results>/spectra/probabilities/heads.npz",
        templates="<results>/spectra/probabilities/templates.npz",
    output:
        multiext("<results>/figures/spectra_examples", **FIGURE),
    log:
        "<logs>/spectra_plot_examples.log",
    benchmark:
        "<benchmarks>/spectra_plot_examples.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        heads=[head for head in spectra_heads()["heads"] if head != "regression"],
        seeds=spectra_heads()["seeds"],
        default=config["spectra"]["default"],
        z_range=config["spectra"]["simulation"]["z_range"],
        template_classes=config["spectra"]["templates"]["classes"],
        code=code_hash("spectra/plot_examples", "plots"),
    message:
        "Plotting example spectra and their redshift distributions"
    script:
        "../scripts/spectra/plot_examples.py"


rule spectra_plot_impact:
    """Draw the impact of architecture, training-set size and noise."""
    input:
        metrics="<results>/spectra/metrics.csv",
    output:
        multiext("<results>/figures/spectra_impact", **FIGURE),
    log:
        "<logs>/spectra_plot_impact.log",
    benchmark:
        "<benchmarks>/spectra_plot_impact.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        heads=spectra_heads()["heads"],
        default=config["spectra"]["default"],
        architectures=list(config["spectra"]["architectures"]),
        code=code_hash("spectra/plot_impact", "plots"),
    message:
        "Plotting the impact of architecture, training-set size and noise"
    script:
        "../scripts/spectra/plot_impact.py"


rule spectra_plot_resolution:
    """Draw the resolution against the number of classes."""
    input:
        metrics="<results>/spectra/metrics.csv",
    output:
        multiext("<results>/figures/spectra_resolution", **FIGURE),
    log:
        "<logs>/spectra_plot_resolution.log",
    benchmark:
        "<benchmarks>/spectra_plot_resolution.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        default=config["spectra"]["default"],
        z_range=config["spectra"]["simulation"]["z_range"],
        code=code_hash("spectra/plot_resolution", "plots"),
    message:
        "Plotting resolution against number of classes"
    script:
        "../scripts/spectra/plot_resolution.py"


rule spectra_plot_uncertainty:
    """Draw aleatoric and epistemic uncertainty."""
    input:
        uncertainty="<results>/spectra/uncertainty.parquet",
        summary="<results>/spectra/uncertainty.csv",
    output:
        multiext("<results>/figures/spectra_uncertainty", **FIGURE),
    log:
        "<logs>/spectra_plot_uncertainty.log",
    benchmark:
        "<benchmarks>/spectra_plot_uncertainty.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        default=config["spectra"]["default"],
        code=code_hash("spectra/plot_uncertainty", "plots"),
    message:
        "Plotting aleatoric and epistemic uncertainty"
    script:
        "../scripts/spectra/plot_uncertainty.py"


rule spectra_plot_labels:
    """Draw how losses for uncertain labels compare."""
    input:
        metrics="<results>/spectra/metrics.csv",
    output:
        multiext("<results>/figures/spectra_labels", **FIGURE),
    log:
        "<logs>/spectra_plot_labels.log",
    benchmark:
        "<benchmarks>/spectra_plot_labels.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        default=config["spectra"]["default"],
        recipes=spectra_labels()["recipes"],
        losses=spectra_labels()["losses"],
        code=code_hash("spectra/plot_labels", "plots"),
    message:
        "Plotting the losses for uncertain labels"
    script:
        "../scripts/spectra/plot_labels.py"


rule spectra_plot_superresolution:
    """Draw how fine a redshift coarse labels can teach."""
    input:
        spectra="<results>/spectra/spectra.npz",
        predictions="<results>/spectra/predictions/labels.parquet",
    output:
        multiext("<results>/figures/spectra_superresolution", **FIGURE),
    log:
        "<logs>/spectra_plot_superresolution.log",
    benchmark:
        "<benchmarks>/spectra_plot_superresolution.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        default=config["spectra"]["default"],
        recipe=next(iter(spectra_coarse()), None),
        recipes=spectra_labels()["recipes"],
        losses=spectra_labels()["losses"],
        z_range=config["spectra"]["simulation"]["z_range"],
        code=code_hash("spectra/plot_superresolution", "plots"),
    message:
        "Plotting label super-resolution"
    script:
        "../scripts/spectra/plot_superresolution.py"


rule spectra:
    """The second study, redshifts from spectra."""
    input:
        "<results>/spectra/metrics.csv",
        rules.spectra_table_heads.output,
        rules.spectra_judge_claims.output,
        rules.spectra_uncertainty.output,
        spectra_figures("pdf", "png"),


rule talk:
    """Networks for spectra beside the published numbers; config/talk.yaml has the speaker's own."""
    input:
        rules.spectra_table_recipes.output,
        rules.spectra_table_heads.output,
        rules.spectra_judge_claims.output,
