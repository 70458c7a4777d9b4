# Training, validation and test sets of both data sets and of the two combined, without a leak.
#
# Inputs   <results>/transferz/transferz.parquet, <results>/catalogues/galaxiesml.parquet
# Outputs  <results>/splits/{transferz,galaxiesml,combo}.parquet, summary.csv


rule split:
    input:
        transferz="<results>/transferz/transferz.parquet",
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
    output:
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/splits/galaxiesml.parquet",
        combo="<results>/splits/combo.parquet",
        summary="<results>/splits/summary.csv",
    log:
        "<logs>/split.log",
    benchmark:
        "<benchmarks>/split.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10),
    params:
        bands=config["bands"],
        method=config["splits"]["method"],
        fractions=config["splits"]["fractions"],
        seed=config["splits"]["seed"],
        block=config["splits"]["block"],
        common_ids=config["splits"]["identity"]["common_ids"],
        identity_radius=config["splits"]["identity"]["radius"],
        code=code_hash("split", "catalogues"),
    message:
        "Splitting both data sets without a leak between them"
    script:
        "../scripts/split.py"
