# Metrics of every seed, tables, and the verdict on each published claim.
#
# Inputs   <results>/predictions/{strategy}/seeds-{chunk}.parquet, <results>/transferz/cutflow.csv
# Outputs  <results>/metrics/per_seed.csv, <results>/tables/table{1,2}.{csv,md,tex},
#          <results>/claims.{csv,md}


localrules:
    judge_claims,
    table1,
    table2,


rule evaluate:
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
        z_range=config["evaluation"]["z_range"],
        full_range=config["evaluation"]["full_range"],
        bin_width=config["evaluation"]["bin_width"],
        bin_z_max=config["evaluation"]["bin_z_max"],
        bin_min_galaxies=config["evaluation"]["bin_min_galaxies"],
        code=code_hash("evaluate", "plots"),
    message:
        "Measuring every seed of every strategy on both test sets"
    script:
        "../scripts/evaluate.py"


rule table1:
    input:
        per_seed="<results>/metrics/per_seed.csv",
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
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("table1", "plots"),
    message:
        "Table 1: metrics per strategy and test set"
    script:
        "../scripts/table1.py"


rule table2:
    input:
        cutflow="<results>/transferz/cutflow.csv",
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
        code=code_hash("table2", "plots"),
    message:
        "Table 2: the cut flow of TransferZ"
    script:
        "../scripts/table2.py"


rule judge_claims:
    input:
        per_seed="<results>/metrics/per_seed.csv",
        claims="config/claims.yaml",
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
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        max_epochs=epoch_limits(),
        code=code_hash("judge_claims", "plots"),
    message:
        "Judging every published claim"
    script:
        "../scripts/judge_claims.py"


rule tables:
    input:
        rules.table1.output,
        rules.table2.output,


rule claims:
    input:
        rules.judge_claims.output,
