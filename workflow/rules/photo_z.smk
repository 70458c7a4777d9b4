# Photometric redshifts for a catalogue of the user's own, described in config["predict"].
#
# Inputs   the catalogue; <results>/models/{strategy}/..., <results>/calibration/{strategy}/...
# Outputs  <results>/photo_z/{name}.parquet and, if asked for, {name}.hdf5 (distributions, qp), with the
#          name that the configuration gives them; <results>/photo_z/benchmark.csv
#          Of a catalogue of many files one job for each: {name}/{partition}.parquet, a data set with
#          the partitions of the catalogue, and {name}_pdf/{partition}.hdf5


include: "helpers/photo_z.smk"


rule predict_catalogue:
    """Predict photometric redshifts for the catalogue in the section predict."""
    input:
        catalogue=partition_file,
        models=applied_models(),
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            **config["predict"]
        ),
    output:
        **(
            {"pdf": f"<results>/photo_z/{answer_name('_pdf')}.hdf5"}
            if config["predict"]["pdf"]
            else {}
        ),
        photo_z=f"<results>/photo_z/{answer_name()}.parquet",
    log:
        f"<logs>/predict_catalogue/{answer_name()}.log",
    benchmark:
        f"<benchmarks>/predict_catalogue/{answer_name()}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 4
    resources:
        mem_mb=request(2500),
        runtime=request(20, per_input=0.1),
    params:
        description=catalogue_description(),
        strategy=config["predict"]["strategy"],
        seeds=applied_seeds(),
        chunk_rows=config["predict"]["chunk_rows"],
        known_by=lambda wildcards: known_by(partition_file(wildcards)),
        code=code_hash("photo_z/predict_catalogue", "training"),
    message:
        "Photometric redshifts for {input.catalogue} by {params.strategy}"
    script:
        "../scripts/photo_z/predict_catalogue.py"


rule benchmark_predict:
    """Measure time and memory of predictions for large catalogues."""
    input:
        galaxies="<results>/splits/target.parquet",
        models=applied_models(),
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            **config["predict"]
        ),
    output:
        table="<results>/photo_z/benchmark.csv",
    log:
        "<logs>/benchmark_predict.log",
    benchmark:
        "<benchmarks>/benchmark_predict.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 4
    resources:
        mem_mb=request(2500),
        runtime=request(120),
    params:
        lengths=config["predict"]["benchmark_rows"],
        strategy=config["predict"]["strategy"],
        seeds=applied_seeds(),
        chunk_rows=config["predict"]["chunk_rows"],
        code=code_hash("photo_z/benchmark_predict", "training"),
    message:
        "Timing predictions for {params.lengths} galaxies"
    script:
        "../scripts/photo_z/benchmark_predict.py"


rule predict:
    """Photometric redshifts for your own catalogue."""
    input:
        answers,


# n(z) of the test sets in bins of photometric redshift.
#
# Inputs   <results>/splits/{source,target}.parquet, the networks and the calibration above,
#          <resources>/truth.parquet (embedded survey)
# Outputs  <results>/tomography/{bins,curves}.csv, <results>/tomography/nz.hdf5 (qp),
#          <results>/tables/tomography.md, <results>/figures/tomography.{pdf,png,csv,md}


localrules:
    table_tomography,


rule tomographic_bins:
    """Measure the n(z) of both test sets in bins of photometric redshift."""
    input:
        models=applied_models(),
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            **config["predict"]
        ),
        source="<results>/splits/source.parquet",
        target="<results>/splits/target.parquet",
        truth=("<resources>/truth.parquet" if config["survey"] == "embedded" else []),
    output:
        bins="<results>/tomography/bins.csv",
        nz="<results>/tomography/nz.hdf5",
        curves="<results>/tomography/curves.csv",
    log:
        "<logs>/tomographic_bins.log",
    benchmark:
        "<benchmarks>/tomographic_bins.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(1500, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        settings=tomography_settings(),
        test_share=config["uncertainty"]["test_share"],
        calibration_seed=config["uncertainty"]["seed"],
        code=code_hash("photo_z/tomographic_bins", "training"),
    message:
        "Redshift distributions in bins of photometric redshift"
    script:
        "../scripts/photo_z/tomographic_bins.py"


rule table_tomography:
    """Write the mean redshifts of bins against the known ones as a page."""
    input:
        bins="<results>/tomography/bins.csv",
    output:
        md="<results>/tables/tomography.md",
    log:
        "<logs>/table_tomography.log",
    benchmark:
        "<benchmarks>/table_tomography.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        point=config["tomography"]["point"],
        calibrated_on=config["predict"]["calibrated_on"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("photo_z/table_tomography", "plots"),
    message:
        "Mean redshifts of bins against the known ones"
    script:
        "../scripts/photo_z/table_tomography.py"


rule plot_tomography:
    """Draw the n(z) and the errors of their means."""
    input:
        bins="<results>/tomography/bins.csv",
        curves="<results>/tomography/curves.csv",
    output:
        pdf="<results>/figures/tomography.pdf",
        png=report(
            "<results>/figures/tomography.png",
            caption="../report/tomography.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "n(z)",
                "Shows": "how well redshift distributions of bins are known",
            },
        ),
        table="<results>/figures/tomography.csv",
        caption="<results>/figures/tomography.md",
    log:
        "<logs>/plot_tomography.log",
    benchmark:
        "<benchmarks>/plot_tomography.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        point=config["tomography"]["point"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("photo_z/plot_tomography", "plots"),
    message:
        "Figure: n(z) in bins of photometric redshift"
    script:
        "../scripts/photo_z/plot_tomography.py"


rule tomography:
    """Redshift distributions n(z) in bins of photometric redshift."""
    input:
        rules.tomographic_bins.output,
        rules.table_tomography.output,
        rules.plot_tomography.output,


# Training galaxies as vectors, and the index of them.
#
# Inputs   the networks and the calibration above, <results>/splits/..., and for the test of the flag
#          on the embedded survey <results>/transferz/matched.parquet and <resources>/truth.parquet
# Outputs  <results>/neighbours/{strategy}/{galaxies.npz,vectors.usearch,flags.csv,recall.csv,
#          distances.parquet}, <results>/neighbours/benchmark.csv, <results>/figures/neighbours.*


rule index_neighbours:
    """Turn the training galaxies of a strategy into vectors, and index them."""
    input:
        models=models,
        training=training_chain,
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            strategy="{strategy}", calibrated_on=config["predict"]["calibrated_on"]
        ),
    output:
        galaxies="<results>/neighbours/{strategy}/galaxies.npz",
        index="<results>/neighbours/{strategy}/vectors.usearch",
    log:
        "<logs>/index_neighbours/{strategy}.log",
    benchmark:
        "<benchmarks>/index_neighbours/{strategy}.tsv"
    conda:
        "../../envs/neighbours.yaml"
    threads: 1
    resources:
        mem_mb=request(2000, per_input=8),
        runtime=request(10, per_input=0.1),
    params:
        networks=config["neighbours"]["networks"],
        dimensions=config["neighbours"]["dimensions"],
        limits=config["uncertainty"]["out_of_distribution"],
        code=code_hash("photo_z/index_neighbours", "neighbours"),
    message:
        "Training galaxies of {wildcards.strategy} as vectors"
    script:
        "../scripts/photo_z/index_neighbours.py"


rule judge_neighbours:
    """Measure the recall of the index, and its distance as a flag beside today's."""
    input:
        **split_tables(),
        models=models,
        sample=rules.index_neighbours.input.sample,
        vectors=rules.index_neighbours.output,
        matched=known_objects("<results>/transferz/matched.parquet"),
        truth=known_objects("<resources>/truth.parquet"),
    output:
        flags="<results>/neighbours/{strategy}/flags.csv",
        recalls="<results>/neighbours/{strategy}/recall.csv",
        distances="<results>/neighbours/{strategy}/distances.parquet",
    log:
        "<logs>/judge_neighbours/{strategy}.log",
    benchmark:
        "<benchmarks>/judge_neighbours/{strategy}.tsv"
    conda:
        "../../envs/neighbours.yaml"
    threads: 1
    resources:
        mem_mb=request(2000, per_input=8),
        runtime=request(20, per_input=0.1),
    params:
        bands=config["bands"],
        photometry=config["photometry"],
        cuts={name: config["selection"]["cuts"].get(name) for name in PHOTOMETRIC_CUTS},
        test_share=config["uncertainty"]["test_share"],
        calibration_seed=config["uncertainty"]["seed"],
        code=code_hash("photo_z/judge_neighbours", "neighbours"),
    message:
        "Recall and flag of the vectors of {wildcards.strategy}"
    script:
        "../scripts/photo_z/judge_neighbours.py"


rule plot_neighbours:
    """Draw the redshifts of nearest training galaxies, and the flag's curves."""
    input:
        distances="<results>/neighbours/{strategy}/distances.parquet".format(
            **config["predict"]
        ),
        flags="<results>/neighbours/{strategy}/flags.csv".format(**config["predict"]),
    output:
        pdf="<results>/figures/neighbours.pdf",
        png="<results>/figures/neighbours.png",
        table="<results>/figures/neighbours.csv",
        caption="<results>/figures/neighbours.md",
    log:
        "<logs>/plot_neighbours.log",
    benchmark:
        "<benchmarks>/plot_neighbours.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategy=config["predict"]["strategy"],
        survey=config["survey"],
        code=code_hash("photo_z/plot_neighbours", "plots"),
    message:
        "Figure: training galaxies that look alike"
    script:
        "../scripts/photo_z/plot_neighbours.py"


rule benchmark_neighbours:
    """Measure time, memory and recall of indices of many vectors."""
    input:
        vectors=expand(
            rules.index_neighbours.output, strategy=config["predict"]["strategy"]
        ),
    output:
        table="<results>/neighbours/benchmark.csv",
    log:
        "<logs>/benchmark_neighbours.log",
    benchmark:
        "<benchmarks>/benchmark_neighbours.tsv"
    conda:
        "../../envs/neighbours.yaml"
    threads: 2
    resources:
        mem_mb=request(3000),
        runtime=request(60),
    params:
        lengths=config["neighbours"]["benchmark_rows"],
        code=code_hash("photo_z/benchmark_neighbours", "neighbours"),
    message:
        "Timing indices of {params.lengths} vectors"
    script:
        "../scripts/photo_z/benchmark_neighbours.py"


rule neighbours:
    """Training galaxies as vectors, with how well the index and its flag work."""
    input:
        rules.plot_neighbours.output,
        expand(rules.judge_neighbours.output, strategy=config["predict"]["strategy"]),
