# Two catalogues of the user's own in place of the archives: one with photometric redshifts (role
# transferz), one with spectroscopic ones (role galaxiesml), described in config["custom"].
#
# Inputs   the two files
# Outputs  as of catalogues.smk: catalogue tables and cut flows


rule read_custom:
    input:
        transferz=config["custom"]["transferz"]["path"],
        galaxiesml=config["custom"]["galaxiesml"]["path"],
    output:
        transferz="<results>/transferz/transferz.parquet",
        transferz_cutflow="<results>/transferz/cutflow.csv",
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
        galaxiesml_cutflow="<results>/catalogues/galaxiesml_cutflow.csv",
    log:
        "<logs>/read_custom.log",
    benchmark:
        "<benchmarks>/read_custom.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(2000, per_input=2),
        runtime=request(10, per_input=0.05),
    params:
        bands=config["bands"],
        surveys=config["custom"],
        code=code_hash("read_custom", "catalogues"),
    message:
        "Reading the user's catalogues {input}"
    script:
        "../scripts/read_custom.py"
