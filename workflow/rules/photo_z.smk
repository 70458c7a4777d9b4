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
