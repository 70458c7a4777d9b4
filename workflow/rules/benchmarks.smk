# How fast the networks are trained, measured on this machine: Keras fit, and this workflow.
#
# Inputs   none; the network and the training of this run, sizes from config["benchmark"]
# Outputs  <results>/benchmarks/training.{csv,md,pdf,png}; timings, so different in every run


rule benchmark_training:
    output:
        csv="<results>/benchmarks/training.csv",
        md="<results>/benchmarks/training.md",
    log:
        "<logs>/benchmark_training.log",
    conda:
        "../../envs/training.yaml"
    # More than are given to the run become all of them: nothing may run beside a measurement.
    threads: config["benchmark"]["cores"]
    resources:
        mem_mb=request(4000),
        runtime=request(120),
    params:
        settings=config["benchmark"],
        network=config["network"],
        training=config["training"],
        code=code_hash("benchmark_training", "training"),
    message:
        "Measuring the training rate (minutes; leave the machine alone)"
    script:
        "../scripts/benchmark_training.py"


rule plot_benchmark_training:
    input:
        table="<results>/benchmarks/training.csv",
    output:
        pdf="<results>/benchmarks/training.pdf",
        png="<results>/benchmarks/training.png",
    log:
        "<logs>/plot_benchmark_training.log",
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        code=code_hash("plot_benchmark_training", "plots"),
    message:
        "Plotting the training rate"
    script:
        "../scripts/plot_benchmark_training.py"


rule benchmarks:
    input:
        rules.benchmark_training.output,
        rules.plot_benchmark_training.output,
        rules.benchmark_overhead.output,
        rules.benchmark_catalogues.output if config["survey"] != "custom" else [],
