# Training and prediction: one job trains a chunk of seeds of one strategy.
#
# Inputs   <results>/splits/{source,target,combo}.parquet
# Outputs  <results>/samples/{strategy}.{parquet,csv}, of strategies with a changed sample,
#          <results>/models/{strategy}/seeds-{chunk}.npz, training histories beside them,
#          <results>/predictions/{strategy}/seeds-{chunk}.parquet


rule change_sample:
    """Change the spectroscopic rows that a strategy is trained on."""
    input:
        split=unchanged_split,
        population="<results>/splits/source.parquet",
        truth="<resources>/truth.parquet" if config["survey"] == "embedded" else [],
    output:
        changed="<results>/samples/{strategy}.parquet",
        summary="<results>/samples/{strategy}.csv",
    log:
        "<logs>/change_sample/{strategy}.log",
    benchmark:
        "<benchmarks>/change_sample/{strategy}.tsv"
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10),
    params:
        sample=lambda wildcards: entry_of(wildcards.strategy)["sample"],
        bands=config["bands"],
        seed=config["splits"]["seed"],
        code=code_hash("networks/change_sample", "catalogues"),
    message:
        "Changing the sample of {wildcards.strategy}"
    script:
        "../scripts/networks/change_sample.py"


rule train:
    """Train one strategy from a chunk of seeds."""
    input:
        split=training_split,
        start=start_model,
    output:
        models="<results>/models/{strategy}/seeds-{chunk}.npz",
        history="<results>/models/{strategy}/seeds-{chunk}.history.csv",
    log:
        "<logs>/train/{strategy}/seeds-{chunk}.log",
    benchmark:
        "<benchmarks>/train/{strategy}/seeds-{chunk}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(1500, per_input=4),
        runtime=train_minutes,
        gpu=int(config["device"] == "gpu"),
    params:
        seeds=chunk_seeds,
        bands=config["bands"],
        network=strategy_settings("network"),
        training=strategy_settings("training"),
        device=config["device"],
        code=code_hash("networks/train", "training"),
    message:
        "Training {wildcards.strategy}, seeds {wildcards.chunk}"
    script:
        "../scripts/networks/train.py"


# One job for all chunks of a strategy: starting TensorFlow takes longer than predicting.
rule predict_tests:
    """Predict both test sets with every seed of a strategy."""
    input:
        models=expand(
            "<results>/models/{{strategy}}/seeds-{chunk}.npz", chunk=seed_chunks()
        ),
        source="<results>/splits/source.parquet",
        target=target_file("<results>/splits/target.parquet"),
    output:
        predictions=expand(
            "<results>/predictions/{{strategy}}/seeds-{chunk}.parquet",
            chunk=seed_chunks(),
        ),
    log:
        "<logs>/predict_tests/{strategy}.log",
    benchmark:
        "<benchmarks>/predict_tests/{strategy}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(1500, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        code=code_hash("networks/predict_tests", "training"),
    message:
        "Predicting both test sets with every seed of {wildcards.strategy}"
    script:
        "../scripts/networks/predict_tests.py"
