# Metrics of every seed, tables, and the verdict on each published claim.
#
# Inputs   <results>/predictions/{strategy}/seeds-{chunk}.parquet, cut flow of the source
# Outputs  <results>/metrics/per_seed.csv, <results>/metrics/resampled.parquet,
#          <results>/tables/table{1,2}.{csv,md,tex}, <results>/claims.{csv,md},
#          <results>/figures/claims.{pdf,png,csv,md}


include: "helpers/evaluation.smk"


localrules:
    judge_claims,
    table1,
    table2,


rule evaluate:
    """Compute every metric of every seed on both test sets."""
    input:
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
    output:
        per_seed="<results>/metrics/per_seed.csv",
    log:
        "<logs>/evaluate.log",
    benchmark:
        "<benchmarks>/evaluate.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        seeds=all_seeds(),
        ranges=evaluation_ranges(),
        datasets=roles(),
        code=code_hash("evaluation/evaluate", "plots"),
    message:
        "Measuring every seed of every strategy on both test sets"
    script:
        "../scripts/evaluation/evaluate.py"


rule resample:
    """Draw seeds and test galaxies again, for intervals of the claims."""
    input:
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        truth="<resources>/truth.parquet" if config["survey"] == "embedded" else [],
    output:
        resampled="<results>/metrics/resampled.parquet",
    log:
        "<logs>/resample.log",
    benchmark:
        "<benchmarks>/resample.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10, per_input=0.3),
    params:
        ranges=evaluation_ranges(bins=False),
        code=code_hash("evaluation/resample", "plots"),
    message:
        "Drawing seeds and test galaxies again"
    script:
        "../scripts/evaluation/resample.py"


rule table1:
    """Write Table 1, the metrics of each strategy on each test set."""
    input:
        per_seed="<results>/metrics/per_seed.csv",
        resampled="<results>/metrics/resampled.parquet",
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
    output:
        csv="<results>/tables/table1.csv",
        md="<results>/tables/table1.md",
        tex="<results>/tables/table1.tex",
    log:
        "<logs>/table1.log",
    benchmark:
        "<benchmarks>/table1.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategies=list(config["strategies"]),
        metrics=config["evaluation"]["table_metrics"],
        z_range=config["evaluation"]["z_range"],
        max_epochs=epoch_limits(),
        labels=config["labels"],
        survey=config["survey"],
        datasets=roles(),
        code=code_hash("evaluation/table1", "plots"),
    message:
        "Table 1: metrics per strategy and test set"
    script:
        "../scripts/evaluation/table1.py"


rule table2:
    """Write Table 2, the cut flow of the source."""
    input:
        cutflow=cutflow("source"),
    output:
        csv="<results>/tables/table2.csv",
        md="<results>/tables/table2.md",
        tex="<results>/tables/table2.tex",
    log:
        "<logs>/table2.log",
    benchmark:
        "<benchmarks>/table2.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("evaluation/table2", "plots"),
    message:
        "Table 2: the cut flow of the source"
    script:
        "../scripts/evaluation/table2.py"


rule judge_claims:
    """Give a verdict on every published claim, by the rules in config/claims.yaml."""
    input:
        per_seed="<results>/metrics/per_seed.csv",
        resampled="<results>/metrics/resampled.parquet",
        claims=project_file("config/claims.yaml"),
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
    output:
        csv="<results>/claims.csv",
        md="<results>/claims.md",
    log:
        "<logs>/judge_claims.log",
    benchmark:
        "<benchmarks>/judge_claims.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategies=list(config["strategies"]),
        ranges=evaluation_ranges(bins=False),
        labels=config["labels"],
        survey=config["survey"],
        max_epochs=epoch_limits(),
        code=code_hash("evaluation/judge_claims", "plots"),
    message:
        "Judging every published claim"
    script:
        "../scripts/evaluation/judge_claims.py"


rule tables:
    """Tables 1 and 2."""
    input:
        rules.table1.output,
        rules.table2.output,


rule plot_claims:
    """Draw the measured and the published value of every claim."""
    input:
        claims="<results>/claims.csv",
    output:
        pdf="<results>/figures/claims.pdf",
        png=report(
            "<results>/figures/claims.png",
            caption="../report/claims.rst",
            category="4 Tables and claims",
            labels={"Page": "claims, drawn"},
        ),
        table="<results>/figures/claims.csv",
        caption="<results>/figures/claims.md",
    log:
        "<logs>/plot_claims.log",
    benchmark:
        "<benchmarks>/plot_claims.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        survey=config["survey"],
        code=code_hash("evaluation/plot_claims", "plots"),
    message:
        "The published claims as a picture"
    script:
        "../scripts/evaluation/plot_claims.py"


rule claims:
    """The verdicts on the published claims, as table, page and figure."""
    input:
        rules.judge_claims.output,
        rules.plot_claims.output,


# Figures 1-4 of the paper, each with its source data and caption.
#
# Inputs   the two catalogues, predictions/..., metrics/per_seed.csv
# Outputs  <results>/figures/figure{1,2,3,4}.{pdf,png,csv,md}


rule figure1:
    """Draw Figure 1, the distributions of both data sets."""
    input:
        source=catalogue("source"),
        target=catalogue("target"),
    output:
        pdf="<results>/figures/figure1.pdf",
        png=report(
            "<results>/figures/figure1.png",
            caption="../report/figure1.rst",
            category="2 The paper's figures",
            labels={"Figure": "Figure 1", "Shows": "distributions of both data sets"},
        ),
        table="<results>/figures/figure1.csv",
        caption="<results>/figures/figure1.md",
    log:
        "<logs>/figure1.log",
    benchmark:
        "<benchmarks>/figure1.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        bands=config["bands"],
        band=reference_band(),
        colour=config["figures"]["colour"],
        redshift_max=config["figures"]["redshift_max"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("evaluation/figure1", "plots"),
    message:
        "Figure 1: distributions of both data sets"
    script:
        "../scripts/evaluation/figure1.py"


rule figure2:
    """Draw Figure 2, predicted against true redshift."""
    input:
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        per_seed="<results>/metrics/per_seed.csv",
    output:
        pdf="<results>/figures/figure2.pdf",
        png=report(
            "<results>/figures/figure2.png",
            caption="../report/figure2.rst",
            category="2 The paper's figures",
            labels={"Figure": "Figure 2", "Shows": "predicted against true redshift"},
        ),
        table="<results>/figures/figure2.csv",
        caption="<results>/figures/figure2.md",
    log:
        "<logs>/figure2.log",
    benchmark:
        "<benchmarks>/figure2.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        seed=config["figures"]["figure2_seed"],
        z_range=config["evaluation"]["z_range"],
        redshift_max=config["figures"]["redshift_max"],
        labels=config["labels"],
        survey=config["survey"],
        dataset=roles()[0],
        code=code_hash("evaluation/figure2", "plots"),
    message:
        "Figure 2: predicted against true redshift, one run"
    script:
        "../scripts/evaluation/figure2.py"


rule figure3:
    """Draw Figure 3, bias, outliers and RMS over all seeds."""
    input:
        per_seed="<results>/metrics/per_seed.csv",
    output:
        pdf="<results>/figures/figure3.pdf",
        png=report(
            "<results>/figures/figure3.png",
            caption="../report/figure3.rst",
            category="2 The paper's figures",
            labels={
                "Figure": "Figure 3",
                "Shows": "bias, outliers and RMS over all seeds",
            },
        ),
        table="<results>/figures/figure3.csv",
        caption="<results>/figures/figure3.md",
    log:
        "<logs>/figure3.log",
    benchmark:
        "<benchmarks>/figure3.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        metrics=config["figures"]["figure3_metrics"],
        z_range=config["evaluation"]["z_range"],
        requirements=config["evaluation"]["requirements"],
        literature=config["figures"]["literature"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("evaluation/figure3", "plots"),
    message:
        "Figure 3: bias, outliers and RMS over all seeds"
    script:
        "../scripts/evaluation/figure3.py"


rule figure4:
    """Draw Figure 4, how the source data set is made."""
    input:
        cutflow=cutflow("source"),
        source=catalogue("source"),
    output:
        pdf="<results>/figures/figure4.pdf",
        png=report(
            "<results>/figures/figure4.png",
            caption="../report/figure4.rst",
            category="2 The paper's figures",
            labels={"Figure": "Figure 4", "Shows": "how the source data set is made"},
        ),
        table="<results>/figures/figure4.csv",
        caption="<results>/figures/figure4.md",
    log:
        "<logs>/figure4.log",
    benchmark:
        "<benchmarks>/figure4.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        inputs=input_names(),
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("evaluation/figure4", "plots"),
    message:
        "Figure 4: how the source data set is made"
    script:
        "../scripts/evaluation/figure4.py"


rule figures:
    """Figures 1 to 4 of the paper."""
    input:
        [
            rules.figure1.output,
            rules.figure2.output,
            rules.figure3.output,
            rules.figure4.output,
        ],
        rules.plot_survey_quality.output if config["survey"] == "embedded" else [],
