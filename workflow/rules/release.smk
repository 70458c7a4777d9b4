# TransferZ as a data set for others: FITS, Parquet and CSV with units and descriptions, documents.
#
# Inputs   <results>/transferz/transferz.parquet, cutflow.csv
# Outputs  <results>/release/...

# What of config["release"] is in the files; the comparison with a published copy is not.
PUBLISHED = ["version", "license", "date", "url", "creators"]


rule release_transferz:
    """Write TransferZ as a data set for others, with its documents."""
    input:
        transferz="<results>/transferz/transferz.parquet",
        cutflow="<results>/transferz/cutflow.csv",
    output:
        fits="<results>/release/TransferZ.fits",
        parquet="<results>/release/TransferZ.parquet",
        csv="<results>/release/TransferZ.csv.gz",
        readme="<results>/release/README.md",
        datasheet="<results>/release/DATASHEET.md",
        dictionary="<results>/release/data_dictionary.csv",
        croissant="<results>/release/croissant.json",
        citation="<results>/release/CITATION.cff",
        zenodo="<results>/release/zenodo.json",
        crate="<results>/release/ro-crate-metadata.json",
        checksums="<results>/release/SHA256SUMS",
    log:
        "<logs>/release_transferz.log",
    benchmark:
        "<benchmarks>/release_transferz.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10, per_input=0.2),
    params:
        bands=config["bands"],
        survey=config["survey"],
        release=brief({key: config["release"][key] for key in PUBLISHED}, "release"),
        extinction=config["photometry"]["extinction"],
        code=code_hash("release/release_transferz", "catalogues"),
    message:
        "Writing the TransferZ release"
    script:
        "../scripts/release/release_transferz.py"


rule compare_release:
    """Compare the TransferZ made here with a published copy, row by row."""
    input:
        release="<results>/release/TransferZ.parquet",
        published=config["release"]["published"]["path"] or [],
    output:
        report="<results>/release_comparison/comparison.md",
        labels="<results>/release_comparison/label_differences.csv",
    log:
        "<logs>/compare_release.log",
    benchmark:
        "<benchmarks>/compare_release.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10, per_input=0.05),
    params:
        columns=config["release"]["published"]["columns"],
        one_release=config["release"]["published"]["one_release"],
        radius=config["release"]["published"]["radius"],
        known_by=lambda wildcards: known_by(
            config["release"]["published"]["path"] or ""
        ),
        code=code_hash("release/compare_release", "catalogues"),
    message:
        "Comparing the TransferZ made here with {input.published}"
    script:
        "../scripts/release/compare_release.py"


rule release:
    """TransferZ as a data set for others."""
    input:
        rules.release_transferz.output,
        rules.compare_release.output if config["release"]["published"]["path"] else [],
