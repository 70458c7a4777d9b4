# A finished run held against itself, and the state of one that is not finished.
#
#   snakemake --cores 1 --force audit       checks every invariant, also when nothing has changed
#   snakemake --cores 1 --nolock status     what is done, what is missing; beside a running workflow
#
# Inputs   the products of the run
# Outputs  <results>/audit.{md,csv,sha256}; status: none


localrules:
    status,


rule audit:
    input:
        matched=branch(
            config["survey"] == "custom",
            then=[],
            otherwise="<results>/transferz/matched.parquet",
        ),
        release=branch(
            config["survey"] == "custom",
            then=[],
            otherwise="<results>/release/SHA256SUMS",
        ),
        transferz="<results>/transferz/transferz.parquet",
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
        cutflow_transferz="<results>/transferz/cutflow.csv",
        cutflow_galaxiesml="<results>/catalogues/galaxiesml_cutflow.csv",
        split_transferz="<results>/splits/transferz.parquet",
        split_galaxiesml="<results>/splits/galaxiesml.parquet",
        split_combo="<results>/splits/combo.parquet",
        models=per_chunk("<results>/models/{strategy}/seeds-{chunk}.npz"),
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        per_seed="<results>/metrics/per_seed.csv",
        table1="<results>/tables/table1.csv",
        table2="<results>/tables/table2.csv",
        run_config="<results>/run_config.yaml",
    output:
        page="<results>/audit.md",
        table="<results>/audit.csv",
        manifest=update("<results>/audit.sha256"),
    log:
        "<logs>/audit.log",
    benchmark:
        "<benchmarks>/audit.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        resources=config["pathvars"]["resources"],
        revision=git_revision(),
        settings={
            "bands": config["bands"],
            "radius": config["crossmatch"]["radius"],
            "identity": config["splits"]["identity"],
            "strategies": list(config["strategies"]),
            "seeds": all_seeds(),
            "evaluation": config["evaluation"],
        },
        code=code_hash("audit", "plots"),
    message:
        "Auditing the run of {output.page}"
    script:
        "../scripts/audit.py"


rule status:
    log:
        "<logs>/status.log",
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        results=config["pathvars"]["results"],
        stages={
            "catalogues": [
                "transferz/transferz.parquet",
                "catalogues/galaxiesml.parquet",
            ],
            "splits": expand(
                "splits/{sample}.parquet", sample=["transferz", "galaxiesml", "combo"]
            ),
            "models": per_chunk("models/{strategy}/seeds-{chunk}.npz"),
            "predictions": per_chunk("predictions/{strategy}/seeds-{chunk}.parquet"),
            "metrics": ["metrics/per_seed.csv"],
            "tables": ["tables/table1.csv", "tables/table2.csv"],
            "figures": expand("figures/figure{number}.pdf", number=[1, 2, 3, 4]),
            "claims": ["claims.csv"],
        },
        logs=config["pathvars"]["logs"],
        code=code_hash("status", "plots"),
    message:
        "State of the run"
    script:
        "../scripts/status.py"
