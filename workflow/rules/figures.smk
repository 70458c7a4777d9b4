# Figures 1-4 of the paper, each with its source data and caption.
#
# Inputs   <results>/transferz/..., catalogues/..., predictions/..., metrics/per_seed.csv
# Outputs  <results>/figures/figure{1,2,3,4}.{pdf,png,csv,md}


rule figure1:
    input:
        transferz="<results>/transferz/transferz.parquet",
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
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
        reference=config["figures"]["reference_band"],
        colour=config["figures"]["colour"],
        redshift_max=config["figures"]["redshift_max"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("figure1", "plots"),
    message:
        "Figure 1: distributions of both data sets"
    script:
        "../scripts/figure1.py"


rule figure2:
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
        seeds=all_seeds(),
        seed=config["figures"]["figure2_seed"],
        z_range=config["evaluation"]["z_range"],
        redshift_max=config["figures"]["redshift_max"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("figure2", "plots"),
    message:
        "Figure 2: predicted against true redshift, one run"
    script:
        "../scripts/figure2.py"


rule figure3:
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
        code=code_hash("figure3", "plots"),
    message:
        "Figure 3: bias, outliers and RMS over all seeds"
    script:
        "../scripts/figure3.py"


rule figure4:
    input:
        cutflow="<results>/transferz/cutflow.csv",
        transferz="<results>/transferz/transferz.parquet",
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
        code=code_hash("figure4", "plots"),
    message:
        "Figure 4: how the source data set is made"
    script:
        "../scripts/figure4.py"


rule figures:
    input:
        [
            rules.figure1.output,
            rules.figure2.output,
            rules.figure3.output,
            rules.figure4.output,
        ],
        rules.plot_survey_quality.output if config["survey"] == "embedded" else [],
