# The catalogue half: COSMOS2020 x HSC -> TransferZ, GalaxiesML cleaned, splits without a leak.
#
# Inputs   the archives' files (config["inputs"]) and config/columns.tsv
# Outputs  <results>/transferz/{matched,transferz}.parquet, cutflow.csv,
#          <results>/catalogues/galaxiesml.parquet and its cut flow, <results>/splits/*.parquet


if config["survey"] != "custom":

    rule crossmatch:
        """Match COSMOS2020 to HSC, each the other's nearest within a radius."""
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
            code=code_hash("catalogues/crossmatch", "catalogues"),
        message:
            "Matching COSMOS2020 to HSC within {params.radius} arcsec"
        script:
            "../scripts/catalogues/crossmatch.py"

    rule select_transferz:
        """Apply the ordered cuts that make TransferZ, and count what each removes."""
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
            code=code_hash("catalogues/select_transferz", "catalogues"),
        message:
            "Selecting TransferZ"
        script:
            "../scripts/catalogues/select_transferz.py"

    rule clean_galaxiesml:
        """Apply the published cuts of GalaxiesML and keep its published split."""
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
            code=code_hash("catalogues/clean_galaxiesml", "catalogues"),
        message:
            "Cleaning GalaxiesML"
        script:
            "../scripts/catalogues/clean_galaxiesml.py"


# Quality of the catalogues behind TransferZ, embedded or real: how they match, how their magnitudes
# and labels compare.
#
# Inputs   config["inputs"], <results>/transferz/{matched,transferz}.parquet
# Outputs  <results>/quality/separations.csv,
#          <results>/figures/{separations,magnitude_offsets,label_uncertainty}.{pdf,png,md}


if config["survey"] != "custom":

    rule measure_match:
        """Measure purity and completeness of the match beside chance matches."""
        input:
            cosmos=config["inputs"]["cosmos2020"],
            hsc=config["inputs"]["hsc"],
            columns="config/columns.tsv",
        output:
            separation_table="<results>/quality/separations.csv",
        log:
            "<logs>/measure_match.log",
        benchmark:
            "<benchmarks>/measure_match.tsv"
        conda:
            "../../envs/catalogues.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            bands=config["bands"],
            cosmos_version=config["catalogues"]["cosmos2020"],
            hsc_version=config["catalogues"]["hsc"],
            hsc_cuts=config["crossmatch"]["hsc_cuts"],
            radius=config["crossmatch"]["radius"],
            code=code_hash("catalogues/measure_match", "catalogues"),
        message:
            "Measuring the match beside chance"
        script:
            "../scripts/catalogues/measure_match.py"

    rule plot_separations:
        """Draw the separations of matched pairs beside chance matches."""
        input:
            separations="<results>/quality/separations.csv",
        output:
            pdf="<results>/figures/separations.pdf",
            png="<results>/figures/separations.png",
            caption="<results>/figures/separations.md",
        log:
            "<logs>/plot_separations.log",
        benchmark:
            "<benchmarks>/plot_separations.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            radius=config["crossmatch"]["radius"],
            survey=config["survey"],
            code=code_hash("catalogues/plot_separations", "plots"),
        message:
            "Plotting separations beside chance matches"
        script:
            "../scripts/catalogues/plot_separations.py"

    rule plot_magnitude_offsets:
        """Draw the magnitude offsets between HSC and COSMOS2020."""
        input:
            matched="<results>/transferz/matched.parquet",
        output:
            pdf="<results>/figures/magnitude_offsets.pdf",
            png="<results>/figures/magnitude_offsets.png",
            table="<results>/figures/magnitude_offsets.csv",
            caption="<results>/figures/magnitude_offsets.md",
        log:
            "<logs>/plot_magnitude_offsets.log",
        benchmark:
            "<benchmarks>/plot_magnitude_offsets.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            bands=config["bands"],
            survey=config["survey"],
            code=code_hash("catalogues/plot_magnitude_offsets", "plots"),
        message:
            "Plotting magnitude offsets between HSC and COSMOS2020"
        script:
            "../scripts/catalogues/plot_magnitude_offsets.py"

    rule plot_label_uncertainty:
        """Draw how uncertain the photometric labels say they are."""
        input:
            matched="<results>/transferz/matched.parquet",
            transferz="<results>/transferz/transferz.parquet",
        output:
            pdf="<results>/figures/label_uncertainty.pdf",
            png="<results>/figures/label_uncertainty.png",
            table="<results>/figures/label_uncertainty.csv",
            caption="<results>/figures/label_uncertainty.md",
        log:
            "<logs>/plot_label_uncertainty.log",
        benchmark:
            "<benchmarks>/plot_label_uncertainty.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            band="i" if "i" in config["bands"] else config["bands"][0],
            survey=config["survey"],
            code=code_hash("catalogues/plot_label_uncertainty", "plots"),
        message:
            "Plotting the uncertainty of the labels"
        script:
            "../scripts/catalogues/plot_label_uncertainty.py"

    rule catalogue_quality:
        """Every figure that checks the match and the labels."""
        input:
            rules.plot_separations.output,
            rules.plot_magnitude_offsets.output,
            rules.plot_label_uncertainty.output,


# Training, validation and test sets of both data sets and of the two combined, without a leak.
#
# Inputs   the two catalogues of the run
# Outputs  <results>/splits/{source,target,combo}.parquet, summary.csv, overlap.csv


rule split:
    """Split both data sets into training, validation and test sets without a shared galaxy."""
    input:
        source=catalogue("source"),
        target=target_file(catalogue("target")),
    output:
        source_split="<results>/splits/source.parquet",
        target_split=target_file("<results>/splits/target.parquet"),
        combo_split=target_file("<results>/splits/combo.parquet"),
        overlap=target_file("<results>/splits/overlap.csv"),
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
        identity=config["splits"]["identity"],
        softening=config["softening"],
        magnitude=needed_magnitude(),
        code=code_hash("catalogues/split", "catalogues"),
    message:
        "Splitting both data sets without a leak between them"
    script:
        "../scripts/catalogues/split.py"
