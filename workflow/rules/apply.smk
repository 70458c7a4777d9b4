# Photometric redshifts for a catalogue of the user's own, described in config["apply"].
#
# Inputs   the catalogue; <results>/models/{strategy}/..., <results>/calibration/{strategy}/...
# Outputs  <results>/photo_z/photo_z.parquet and, if asked for, photo_z.hdf5 (distributions, qp);
#          <results>/photo_z/benchmark.csv


rule predict_catalogue:
    input:
        catalogue=config["apply"]["catalogue"]["path"],
        models=applied_models(),
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            **config["apply"]
        ),
    output:
        **({"pdf": "<results>/photo_z/photo_z.hdf5"} if config["apply"]["pdf"] else {}),
        photo_z="<results>/photo_z/photo_z.parquet",
    log:
        "<logs>/predict_catalogue.log",
    benchmark:
        "<benchmarks>/predict_catalogue.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 4
    params:
        description=config["apply"]["catalogue"],
        strategy=config["apply"]["strategy"],
        seeds=applied_seeds(),
        chunk_rows=config["apply"]["chunk_rows"],
        code=code_hash("predict_catalogue", "training"),
    message:
        "Photometric redshifts for {input.catalogue} by {params.strategy}"
    script:
        "../scripts/predict_catalogue.py"


rule benchmark_apply:
    input:
        galaxies="<results>/splits/galaxiesml.parquet",
        models=applied_models(),
        sample="<results>/calibration/{strategy}/{calibrated_on}.npz".format(
            **config["apply"]
        ),
    output:
        table="<results>/photo_z/benchmark.csv",
    log:
        "<logs>/benchmark_apply.log",
    benchmark:
        "<benchmarks>/benchmark_apply.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 4
    params:
        lengths=config["apply"]["benchmark_rows"],
        strategy=config["apply"]["strategy"],
        seeds=applied_seeds(),
        chunk_rows=config["apply"]["chunk_rows"],
        n_networks=len(applied_seeds()),
        code=code_hash("benchmark_apply", "training"),
    message:
        "Timing predictions for {params.lengths} galaxies"
    script:
        "../scripts/benchmark_apply.py"


rule apply:
    input:
        rules.predict_catalogue.output,
