# What Snakemake and TensorFlow cost besides the work: time to build the DAG, per job, per start.
#
# Inputs   none; the configuration of this run
# Outputs  <results>/benchmarks/overhead.{csv,md}; timings, so different in every run
#
# Where the time of the run itself went, once it is done: <results>/benchmarks/run.{csv,md}, from the
# files that Snakemake wrote for each job.


localrules:
    benchmark_run,


rule benchmark_overhead:
    output:
        csv="<results>/benchmarks/overhead.csv",
        md="<results>/benchmarks/overhead.md",
    log:
        "<logs>/benchmark_overhead.log",
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=request(2000),
        runtime=request(30),
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


rule benchmark_run:
    input:
        per_chunk("<results>/models/{strategy}/seeds-{chunk}.npz"),
        rules.pages.input,
    output:
        csv="<results>/benchmarks/run.csv",
        md="<results>/benchmarks/run.md",
    log:
        "<logs>/benchmark_run.log",
    conda:
        "../../envs/catalogues.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        folder=config["pathvars"]["benchmarks"],
        logs=per_chunk(
            f"{config['pathvars']['logs']}/train/{{strategy}}/seeds-{{chunk}}.log"
        ),
        code=code_hash("benchmark_run", "catalogues"),
    message:
        "Summing up where the time went"
    script:
        "../scripts/benchmark_run.py"
