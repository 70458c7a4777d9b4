# Calibrated uncertainty: the seeds as an ensemble, conformal intervals, and what they are worth.
#
# Inputs   <results>/models/{strategy}/seeds-{chunk}.npz, <results>/splits/{source,target}.parquet,
#          <resources>/truth.parquet (embedded survey)
# Outputs  <results>/calibration/{strategy}/{source,target}.npz and scores.parquet,
#          <results>/calibration/{metrics,requirements}.csv,
#          <results>/metrics/conditional_coverage.csv, <results>/tables/calibration.md,
#          <results>/figures/{calibration,requirements}.{pdf,png,csv,md}


include: "helpers/uncertainty.smk"


localrules:
    table_calibration,


rule calibration_sample:
    """Choose the galaxies that calibrate the intervals of a strategy."""
    input:
        training=training_chain,
        calibration="<results>/splits/{calibrated_on}.parquet",
    output:
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz",
    log:
        "<logs>/calibration_sample/{strategy}-{calibrated_on}.log",
    benchmark:
        "<benchmarks>/calibration_sample/{strategy}-{calibrated_on}.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        bands=config["bands"],
        inputs=strategy_inputs,
        magnitude_band=reference_band(),
        settings=config["uncertainty"],
        softening=config["softening"],
        trained_on=trained_on,
        code=code_hash("uncertainty/calibration_sample", "training"),
    message:
        "Galaxies of {wildcards.calibrated_on} to calibrate {wildcards.strategy} with"
    script:
        "../scripts/uncertainty/calibration_sample.py"


rule calibrate:
    """Compute calibrated redshifts of the test galaxies, with the seeds as one ensemble."""
    input:
        models=models,
        source_sample="<results>/calibration/{strategy}/source.npz",
        target_sample=target_file("<results>/calibration/{strategy}/target.npz"),
        source="<results>/splits/source.parquet",
        target=target_file("<results>/splits/target.parquet"),
    output:
        scores="<results>/calibration/{strategy}/scores.parquet",
    log:
        "<logs>/calibrate/{strategy}.log",
    benchmark:
        "<benchmarks>/calibrate/{strategy}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(2000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        test_share=config["uncertainty"]["test_share"],
        seed=config["uncertainty"]["seed"],
        code=code_hash("uncertainty/calibrate", "training"),
    message:
        "Calibrated redshifts of the test galaxies by the ensemble {wildcards.strategy}"
    script:
        "../scripts/uncertainty/calibrate.py"


rule table_calibration:
    """Measure the coverage of the intervals, and what LSST's requirements cost."""
    input:
        scores=expand(
            "<results>/calibration/{strategy}/scores.parquet",
            strategy=calibrated(),
        ),
        truth=("<resources>/truth.parquet" if config["survey"] == "embedded" else []),
    output:
        metrics="<results>/calibration/metrics.csv",
        cells="<results>/metrics/conditional_coverage.csv",
        requirements="<results>/calibration/requirements.csv",
        md="<results>/tables/calibration.md",
    log:
        "<logs>/table_calibration.log",
    benchmark:
        "<benchmarks>/table_calibration.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategies=calibrated(),
        z_range=config["evaluation"]["z_range"],
        limits=config["evaluation"]["requirements"],
        faint_limit=config["uncertainty"]["faint_limit"],
        labels=config["labels"],
        redshifts=redshift_kinds(),
        survey=config["survey"],
        code=code_hash("uncertainty/table_calibration", "plots"),
    message:
        "Coverage of the intervals, and what must be dropped to meet the requirements"
    script:
        "../scripts/uncertainty/table_calibration.py"


rule plot_calibration:
    """Draw whether the intervals are as wide as they should be."""
    input:
        scores=expand(
            "<results>/calibration/{strategy}/scores.parquet",
            strategy=calibrated(),
        ),
    output:
        pdf="<results>/figures/calibration.pdf",
        png=report(
            "<results>/figures/calibration.png",
            caption="../report/calibration.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "Calibration",
                "Shows": "are the intervals as wide as they should be",
            },
        ),
        table="<results>/figures/calibration.csv",
        caption="<results>/figures/calibration.md",
    log:
        "<logs>/plot_calibration.log",
    benchmark:
        "<benchmarks>/plot_calibration.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=calibrated(),
        labels=config["labels"],
        redshifts=redshift_kinds(),
        survey=config["survey"],
        code=code_hash("uncertainty/plot_calibration", "plots"),
    message:
        "Figure: are the intervals as wide as they should be?"
    script:
        "../scripts/uncertainty/plot_calibration.py"


rule plot_conditional_coverage:
    """Draw the coverage of the 68% intervals in fifths of redshift, magnitude and colour."""
    input:
        coverage="<results>/metrics/conditional_coverage.csv",
    output:
        pdf="<results>/figures/conditional_coverage.pdf",
        png=report(
            "<results>/figures/conditional_coverage.png",
            caption="../report/conditional_coverage.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "Conditional coverage",
                "Shows": "do the intervals hold for every kind of galaxy",
            },
        ),
        table="<results>/figures/conditional_coverage.csv",
        caption="<results>/figures/conditional_coverage.md",
    log:
        "<logs>/plot_conditional_coverage.log",
    benchmark:
        "<benchmarks>/plot_conditional_coverage.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategies=calibrated(),
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("uncertainty/plot_conditional_coverage", "plots"),
    message:
        "Figure: do the intervals hold for every kind of galaxy?"
    script:
        "../scripts/uncertainty/plot_conditional_coverage.py"


rule plot_requirements:
    """Draw which galaxies must be dropped to meet the LSST requirements."""
    input:
        requirements="<results>/calibration/requirements.csv",
    output:
        pdf="<results>/figures/requirements.pdf",
        png=report(
            "<results>/figures/requirements.png",
            caption="../report/requirements.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "Requirements",
                "Shows": "which galaxies must be dropped",
            },
        ),
        table="<results>/figures/requirements.csv",
        caption="<results>/figures/requirements.md",
    log:
        "<logs>/plot_requirements.log",
    benchmark:
        "<benchmarks>/plot_requirements.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=calibrated(),
        limits=config["evaluation"]["requirements"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("uncertainty/plot_requirements", "plots"),
    message:
        "Figure: which galaxies must be dropped to meet the requirements"
    script:
        "../scripts/uncertainty/plot_requirements.py"


# What the distributions of networks with classes of redshift (a `head`) are worth by themselves.
#
# Inputs   <results>/models/{strategy}/seeds-{chunk}.npz, <results>/splits/{source,target}.parquet
# Outputs  <results>/metrics/distributions/{strategy}/{scores,pit}.csv,
#          <results>/tables/distributions.{csv,md} and distribution_pairs.csv,
#          <results>/figures/distributions.{pdf,png,csv,md}


rule evaluate_distributions:
    """Score the redshift distributions that networks with classes give."""
    input:
        models=expand(
            "<results>/models/{{strategy}}/seeds-{chunk}.npz", chunk=seed_chunks()
        ),
        source="<results>/splits/source.parquet",
        target="<results>/splits/target.parquet",
        truth=("<resources>/truth.parquet" if config["survey"] == "embedded" else []),
    output:
        scores="<results>/metrics/distributions/{strategy}/scores.csv",
        pit="<results>/metrics/distributions/{strategy}/pit.csv",
    log:
        "<logs>/evaluate_distributions/{strategy}.log",
    benchmark:
        "<benchmarks>/evaluate_distributions/{strategy}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(1500, per_input=4),
        runtime=request(10, per_input=0.2),
    params:
        code=code_hash("uncertainty/evaluate_distributions", "training"),
    message:
        "Scores of the distributions that every seed of {wildcards.strategy} gives"
    script:
        "../scripts/uncertainty/evaluate_distributions.py"


rule table_distributions:
    """Write the scores of these distributions, and pairs of strategies."""
    input:
        scores=expand(
            "<results>/metrics/distributions/{strategy}/scores.csv",
            strategy=class_strategies(),
        ),
    output:
        csv="<results>/tables/distributions.csv",
        pairs="<results>/tables/distribution_pairs.csv",
        md="<results>/tables/distributions.md",
    log:
        "<logs>/table_distributions.log",
    benchmark:
        "<benchmarks>/table_distributions.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(800),
        runtime=request(10),
    params:
        compared=config["evaluation"]["comparisons"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("uncertainty/table_distributions", "plots"),
    message:
        "Distributions of the networks: scores and pairs"
    script:
        "../scripts/uncertainty/table_distributions.py"


rule plot_distributions:
    """Draw whether these distributions are as wide as they should be."""
    input:
        pit=expand(
            "<results>/metrics/distributions/{strategy}/pit.csv",
            strategy=class_strategies(),
        ),
    output:
        pdf="<results>/figures/distributions.pdf",
        png=report(
            "<results>/figures/distributions.png",
            caption="../report/distributions.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "Distributions",
                "Shows": "are the networks' own distributions as wide as they should be",
            },
        ),
        table="<results>/figures/distributions.csv",
        caption="<results>/figures/distributions.md",
    log:
        "<logs>/plot_distributions.log",
    benchmark:
        "<benchmarks>/plot_distributions.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("uncertainty/plot_distributions", "plots"),
    message:
        "Figure: are the networks' own distributions as wide as they should be?"
    script:
        "../scripts/uncertainty/plot_distributions.py"


rule distributions:
    """Scores of the distributions that networks with classes give."""
    input:
        rules.table_distributions.output,
        rules.plot_distributions.output,


rule calibration:
    """Tables and figures of the calibrated intervals."""
    input:
        rules.table_calibration.output,
        rules.plot_calibration.output,
        rules.plot_conditional_coverage.output,
        rules.plot_requirements.output,
        rules.distributions.input if class_strategies() else [],


if config["survey"] == "embedded":

    rule table_truth:
        """Measure how much of the error on the source is the label's own."""
        input:
            predictions=per_chunk(
                "<results>/predictions/{strategy}/seeds-{chunk}.parquet"
            ),
            truth="<resources>/truth.parquet",
        output:
            per_seed="<results>/metrics/truth.csv",
            csv="<results>/tables/truth.csv",
            md="<results>/tables/truth.md",
        log:
            "<logs>/table_truth.log",
        benchmark:
            "<benchmarks>/table_truth.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            strategies=list(config["strategies"]),
            z_range=config["evaluation"]["z_range"],
            labels=config["labels"],
            survey=config["survey"],
            code=code_hash("uncertainty/table_truth", "plots"),
        message:
            "How much of the error on the source is the label's own"
        script:
            "../scripts/uncertainty/table_truth.py"

    rule plot_truth:
        """Draw how much of the error on the source is the label's own."""
        input:
            csv="<results>/tables/truth.csv",
        output:
            pdf="<results>/figures/truth.pdf",
            png="<results>/figures/truth.png",
            caption="<results>/figures/truth.md",
        log:
            "<logs>/plot_truth.log",
        benchmark:
            "<benchmarks>/plot_truth.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000),
            runtime=request(10),
        params:
            strategies=list(config["strategies"]),
            z_range=config["evaluation"]["z_range"],
            labels=config["labels"],
            survey=config["survey"],
            code=code_hash("uncertainty/plot_truth", "plots"),
        message:
            "Figure: how much of the error is the label's own?"
        script:
            "../scripts/uncertainty/plot_truth.py"

    rule truth:
        """Table and figure of the label errors on the source."""
        input:
            rules.table_truth.output,
            rules.plot_truth.output,
