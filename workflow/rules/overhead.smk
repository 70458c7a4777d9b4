# What Snakemake and TensorFlow cost besides the work: time to build the DAG, per job, per start.
#
# Inputs   none; the configuration of this run
# Outputs  <results>/benchmarks/overhead.{csv,md}; timings, so different in every run


rule benchmark_overhead:
    output:
        csv="<results>/benchmarks/overhead.csv",
        md="<results>/benchmarks/overhead.md",
    log:
        "<logs>/benchmark_overhead.log",
    conda:
        "../../envs/training.yaml"
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        n_seeds=100,
        per_job=[1, 10, 25],
        n_strategies=len(config["strategies"]),
        batch_size=config["training"]["batch_size"],
        code=code_hash("benchmark_overhead", "training"),
    message:
        "Measuring what jobs cost besides their work"
    script:
        "../scripts/benchmark_overhead.py"
