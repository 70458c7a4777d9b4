# Quality of the catalogues behind TransferZ, embedded or real: where they are, how they match, how
# their magnitudes and labels compare.
#
# Inputs   config["inputs"], <results>/transferz/{matched,transferz}.parquet
# Outputs  <results>/quality/{separations,sky_map}.csv,
#          <results>/figures/{sky_map,separations,magnitude_offsets,label_uncertainty}.{pdf,png,md}


rule measure_match:
    input:
        cosmos=config["inputs"]["cosmos2020"],
        hsc=config["inputs"]["hsc"],
        columns="config/columns.tsv",
        matched="<results>/transferz/matched.parquet",
    output:
        separations="<results>/quality/separations.csv",
        sky="<results>/quality/sky_map.csv",
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
        code=code_hash("measure_match", "catalogues"),
    message:
        "Measuring the match beside chance"
    script:
        "../scripts/measure_match.py"


rule plot_sky_map:
    input:
        table="<results>/quality/sky_map.csv",
    output:
        pdf="<results>/figures/sky_map.pdf",
        png="<results>/figures/sky_map.png",
        caption="<results>/figures/sky_map.md",
    log:
        "<logs>/plot_sky_map.log",
    benchmark:
        "<benchmarks>/plot_sky_map.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        survey=config["survey"],
        code=code_hash("plot_sky_map", "plots"),
    message:
        "Plotting both catalogues on the sky"
    script:
        "../scripts/plot_sky_map.py"


rule plot_separations:
    input:
        table="<results>/quality/separations.csv",
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
        code=code_hash("plot_separations", "plots"),
    message:
        "Plotting separations beside chance matches"
    script:
        "../scripts/plot_separations.py"


rule plot_magnitude_offsets:
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
        code=code_hash("plot_magnitude_offsets", "plots"),
    message:
        "Plotting magnitude offsets between HSC and COSMOS2020"
    script:
        "../scripts/plot_magnitude_offsets.py"


rule plot_label_uncertainty:
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
        code=code_hash("plot_label_uncertainty", "plots"),
    message:
        "Plotting the uncertainty of the labels"
    script:
        "../scripts/plot_label_uncertainty.py"


rule catalogue_quality:
    input:
        rules.plot_sky_map.output,
        rules.plot_separations.output,
        rules.plot_magnitude_offsets.output,
        rules.plot_label_uncertainty.output,
