# The public catalogues, downloaded and verified: the inputs of catalogues.smk (survey: archive).
#
# Inputs   the registry config/datasets.tsv, workflow/sql/*.sql, the user's own copies
#          (config["download"]["local"])
# Outputs  <resources>/{file}: links into <resources>/downloads/, which no re-run deletes;
#          <resources>/datasets.lock.json: checksums first seen here


include: "registry.smk"


localrules:
    download_dataset,
    query_hsc,


rule download_dataset:
    input:
        local_copy,
    output:
        file="<resources>/{file}",
    log:
        "<logs>/download_dataset/{file}.log",
    wildcard_constraints:
        file=any_of(REGISTRY.keys() - QUERIES.keys()),
    retries: 2
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(720),
    params:
        row=lambda wildcards: REGISTRY[wildcards.file],
        timeout=config["download"]["timeout"],
        retries=config["download"]["retries"],
        wait=config["download"]["wait"],
        code=code_hash("download_dataset", "catalogues"),
    message:
        "Fetching {wildcards.file}"
    script:
        "../scripts/download_dataset.py"


rule query_hsc:
    output:
        file="<resources>/{file}",
    log:
        "<logs>/query_hsc/{file}.log",
    wildcard_constraints:
        file=any_of(QUERIES),
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(720),
    params:
        row=lambda wildcards: QUERIES[wildcards.file],
        sql=lambda wildcards: read_sql(QUERIES[wildcards.file]["name"]),
        client=config["download"]["hsc_client"],
        code=code_hash("query_hsc", "catalogues"),
    message:
        "Asking the HSC archive for {wildcards.file}"
    script:
        "../scripts/query_hsc.py"
