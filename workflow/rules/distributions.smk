# What the distributions of networks with classes of redshift (a `head`) are worth by themselves.
#
# Inputs   <results>/models/{strategy}/seeds-{chunk}.npz, <results>/splits/{transferz,galaxiesml}.parquet
# Outputs  <results>/metrics/distributions/{strategy}/{scores,pit}.csv,
#          <results>/tables/distributions.{csv,md} and distribution_pairs.csv,
#          <results>/figures/distributions.{pdf,png,csv,md}


localrules:
    table_distributions,


rule evaluate_distributions:
    input:
        models=expand(
            "<results>/models/{{strategy}}/seeds-{chunk}.npz", chunk=seed_chunks()
        ),
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/splits/galaxiesml.parquet",
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
        code=code_hash("evaluate_distributions", "training"),
    message:
        "Scores of the distributions that every seed of {wildcards.strategy} gives"
    script:
        "../scripts/evaluate_distributions.py"


rule table_distributions:
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
        pairs=config["evaluation"]["comparisons"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("table_distributions", "plots"),
    message:
        "Distributions of the networks: scores and pairs"
    script:
        "../scripts/table_distributions.py"


rule figure_distributions:
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
        "<logs>/figure_distributions.log",
    benchmark:
        "<benchmarks>/figure_distributions.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("figure_distributions", "plots"),
    message:
        "Figure: are the networks' own distributions as wide as they should be?"
    script:
        "../scripts/figure_distributions.py"


rule distributions:
    input:
        rules.table_distributions.output,
        rules.figure_distributions.output,
