# TransferZ as a data set for others: FITS, Parquet and CSV with units and descriptions, documents.
#
# Inputs   <results>/transferz/transferz.parquet, cutflow.csv
# Outputs  <results>/release/...


rule release_transferz:
    input:
        transferz="<results>/transferz/transferz.parquet",
        cutflow="<results>/transferz/cutflow.csv",
    output:
        fits="<results>/release/TransferZ.fits",
        parquet="<results>/release/TransferZ.parquet",
        csv="<results>/release/TransferZ.csv.gz",
        readme="<results>/release/README.md",
        croissant="<results>/release/croissant.json",
        citation="<results>/release/CITATION.cff",
        checksums="<results>/release/SHA256SUMS",
    log:
        "<logs>/release_transferz.log",
    benchmark:
        "<benchmarks>/release_transferz.tsv"
    conda:
        "../../envs/catalogues.yaml"
    params:
        bands=config["bands"],
        survey=config["survey"],
        release=config["release"],
        extinction=config["photometry"]["extinction"],
        code=code_hash("release_transferz"),
    message:
        "Writing the TransferZ release"
    script:
        "../scripts/release_transferz.py"


rule release:
    input:
        rules.release_transferz.output,
