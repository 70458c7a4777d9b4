# The catalogue half: COSMOS2020 x HSC -> TransferZ, GalaxiesML cleaned, splits without a leak.
#
# Inputs   the archives' files (config["inputs"]) and config/columns.tsv
# Outputs  <results>/transferz/{matched,transferz}.parquet, cutflow.csv,
#          <results>/catalogues/galaxiesml.parquet and its cut flow, <results>/splits/*.parquet


rule crossmatch:
    input:
        cosmos=config["inputs"]["cosmos2020"],
        hsc=config["inputs"]["hsc"],
        columns="config/columns.tsv",
    output:
        matched="<results>/transferz/matched.parquet",
    log:
        "<logs>/crossmatch.log",
    benchmark:
        "<benchmarks>/crossmatch.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(2000, per_input=1),
        runtime=request(10, per_input=0.01),
    params:
        bands=config["bands"],
        cosmos_version=config["catalogues"]["cosmos2020"],
        hsc_version=config["catalogues"]["hsc"],
        radius=config["crossmatch"]["radius"],
        hsc_cuts=config["crossmatch"]["hsc_cuts"],
        code=code_hash("crossmatch", "catalogues"),
    message:
        "Matching COSMOS2020 to HSC within {params.radius} arcsec"
    script:
        "../scripts/crossmatch.py"


rule select_transferz:
    input:
        matched="<results>/transferz/matched.parquet",
    output:
        transferz="<results>/transferz/transferz.parquet",
        cutflow="<results>/transferz/cutflow.csv",
    log:
        "<logs>/select_transferz.log",
    benchmark:
        "<benchmarks>/select_transferz.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10),
    params:
        bands=config["bands"],
        cuts=config["selection"]["cuts"],
        photometry=config["photometry"],
        code=code_hash("select_transferz", "catalogues"),
    message:
        "Selecting TransferZ"
    script:
        "../scripts/select_transferz.py"


rule clean_galaxiesml:
    input:
        training=config["inputs"]["galaxiesml"]["training"],
        validation=config["inputs"]["galaxiesml"]["validation"],
        testing=config["inputs"]["galaxiesml"]["testing"],
        columns="config/columns.tsv",
    output:
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
        cutflow="<results>/catalogues/galaxiesml_cutflow.csv",
    log:
        "<logs>/clean_galaxiesml.log",
    benchmark:
        "<benchmarks>/clean_galaxiesml.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(2000, per_input=1),
        runtime=request(10, per_input=0.05),
    params:
        bands=config["bands"],
        version=config["catalogues"]["galaxiesml"],
        cuts=config["galaxiesml"]["cuts"],
        code=code_hash("clean_galaxiesml", "catalogues"),
    message:
        "Cleaning GalaxiesML"
    script:
        "../scripts/clean_galaxiesml.py"
