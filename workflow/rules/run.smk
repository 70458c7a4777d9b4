# A finished run held against itself, and the state of one that is not finished.
#
#   snakemake --cores 1 --force audit       checks every invariant, also when nothing has changed
#   snakemake --cores 1 --nolock status     what is done, what is missing; beside a running workflow
#   snakemake --cores 1 crate               the run as a Workflow Run RO-Crate
#
# Inputs   the products of the run
# Outputs  <results>/audit.{md,csv,sha256}, ro-crate-metadata.json; status: none


localrules:
    crate,
    status,


rule audit:
    """Check a finished run against itself: counts, predictions, metrics, tables, checksums."""
    input:
        matched=branch(
            config["survey"] == "custom",
            then=[],
            otherwise="<results>/transferz/matched.parquet",
        ),
        release=branch(
            config["survey"] == "custom",
            then=[],
            otherwise="<results>/release/SHA256SUMS",
        ),
        source=catalogue("source"),
        target=target_file(catalogue("target")),
        cutflow_source=cutflow("source"),
        cutflow_target=target_file(cutflow("target")),
        split_source="<results>/splits/source.parquet",
        split_target=target_file("<results>/splits/target.parquet"),
        split_combo=target_file("<results>/splits/combo.parquet"),
        models=per_chunk("<results>/models/{strategy}/seeds-{chunk}.npz"),
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        ensemble_models=ensemble_files(".npz"),
        ensemble_histories=ensemble_files(".history.csv"),
        per_seed="<results>/metrics/per_seed.csv",
        table1="<results>/tables/table1.csv",
        table2="<results>/tables/table2.csv",
        run_config="<results>/run_config.yaml",
    output:
        page="<results>/audit.md",
        table="<results>/audit.csv",
        manifest=update("<results>/audit.sha256"),
    log:
        "<logs>/audit.log",
    benchmark:
        "<benchmarks>/audit.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        resources=config["pathvars"]["resources"],
        revision=git_revision(),
        settings=brief(
            {
                "bands": config["bands"],
                "radius": config["crossmatch"]["radius"],
                "identity": config["splits"]["identity"],
                "strategies": list(config["strategies"]),
                "seeds": all_seeds(),
                "evaluation": config["evaluation"],
            },
            "settings",
        ),
        code=code_hash("run/audit", "plots"),
    message:
        "Auditing the run of {output.page}"
    script:
        "../scripts/run/audit.py"


rule crate:
    """Describe a finished run for a repository, as a Workflow Run RO-Crate."""
    input:
        products=lambda wildcards: rules.all.input,
        catalogues=input_files(),
        run_config="<results>/run_config.yaml",
        citation=lambda wildcards: project_file("CITATION.cff"),
        snakefile=lambda wildcards: project_file("Snakefile"),
    output:
        crate="<results>/ro-crate-metadata.json",
        workflow="<results>/Snakefile",
    log:
        "<logs>/crate.log",
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        survey=config["survey"],
        code=code_hash("run/crate", "plots"),
    message:
        "Describing the run in {output.crate}"
    script:
        "../scripts/run/crate.py"


rule status:
    """List which products of the run are done and which are missing."""
    log:
        "<logs>/status.log",
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        results=config["pathvars"]["results"],
        stages={
            "catalogues": [
                catalogue(role).removeprefix("<results>/") for role in roles()
            ],
            "splits": expand("splits/{sample}.parquet", sample=samples()),
            "models": per_chunk("models/{strategy}/seeds-{chunk}.npz"),
            "predictions": per_chunk("predictions/{strategy}/seeds-{chunk}.parquet"),
            "ensembles": [
                path.removeprefix("<results>/") for path in ensemble_files(".npz")
            ],
            "calibration": expand(
                "calibration/{strategy}/scores.parquet", strategy=calibrated()
            ),
            "metrics": ["metrics/per_seed.csv"],
            "tables": ["tables/table1.csv", "tables/table2.csv"],
            "figures": expand(
                "figures/figure{number}.pdf",
                number=[1, 2, 3, 4] if "target" in roles() else [2],
            ),
            "claims": target_file(["claims.csv"]),
        },
        logs=config["pathvars"]["logs"],
        code=code_hash("run/status", "plots"),
    message:
        "State of the run"
    script:
        "../scripts/run/status.py"


# What Snakemake and TensorFlow cost besides the work: time to build the DAG, per job, per start.
#
# Inputs   none; the configuration of this run
# Outputs  <results>/benchmarks/overhead.{csv,md}; timings, so different in every run
#
# Where the time of the run itself went, once it is done: <results>/benchmarks/run.{csv,md}, from the
# files that Snakemake wrote for each job, and what it would take on more cores: cores.csv.


localrules:
    benchmark_run,


rule benchmark_overhead:
    """Measure what Snakemake and the start of a job cost."""
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
        code=code_hash("run/benchmark_overhead", "training"),
    message:
        "Measuring what jobs cost besides their work"
    script:
        "../scripts/run/benchmark_overhead.py"


rule benchmark_run:
    """Sum up where the time of a finished run went."""
    input:
        files=[
            *per_chunk("<results>/models/{strategy}/seeds-{chunk}.npz"),
            *rules.pages.input,
        ],
    output:
        csv="<results>/benchmarks/run.csv",
        cores="<results>/benchmarks/cores.csv",
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
        logs=training_logs(),
        record=".snakemake/metadata",
        threads_of={
            each.name: each.resources["_cores"]
            for each in workflow.rules
            if isinstance(each.resources["_cores"], int)
        },
        code=code_hash("run/benchmark_run", "catalogues"),
    message:
        "Summing up where the time went"
    script:
        "../scripts/run/benchmark_run.py"


# Seconds and memory of reading and matching catalogues of the genuine size, on this machine.
#
# Inputs   none but config/columns.tsv; writes and removes a table of config["run"]["catalogue_benchmark"]'s size
# Outputs  <results>/benchmarks/catalogues.{csv,md}


if config["survey"] != "custom":

    rule benchmark_catalogues:
        """Measure how fast large catalogues are read and matched."""
        input:
            columns="config/columns.tsv",
        output:
            table="<results>/benchmarks/catalogues.csv",
            report="<results>/benchmarks/catalogues.md",
        log:
            "<logs>/benchmark_catalogues.log",
        conda:
            "../../envs/catalogues.yaml"
        # More than are given to the run become all of them: nothing may run beside a measurement.
        threads: 1000
        resources:
            mem_mb=request(10000),
            runtime=request(60),
        params:
            rows=config["run"]["catalogue_benchmark"]["rows"],
            n_columns=config["run"]["catalogue_benchmark"]["columns"],
            hsc_rows=config["run"]["catalogue_benchmark"]["hsc_rows"],
            text_rows=config["run"]["catalogue_benchmark"]["text_rows"],
            code=code_hash("run/benchmark_catalogues", "catalogues"),
        message:
            "Measuring how fast catalogues of {params.rows} rows are read and matched"
        script:
            "../scripts/run/benchmark_catalogues.py"


# How fast the networks are trained, measured on this machine: Keras fit, and this workflow.
#
# Inputs   none; the network and the training of this run, sizes from config["run"]["training_benchmark"]
# Outputs  <results>/benchmarks/training.{csv,md,pdf,png}; timings, so different in every run


rule benchmark_training:
    """Measure how fast networks train, beside Keras fit."""
    output:
        csv="<results>/benchmarks/training.csv",
        md="<results>/benchmarks/training.md",
    log:
        "<logs>/benchmark_training.log",
    conda:
        "../../envs/training.yaml"
    # More than are given to the run become all of them: nothing may run beside a measurement.
    threads: config["run"]["training_benchmark"]["cores"]
    resources:
        mem_mb=request(4000),
        runtime=request(120),
    params:
        settings=config["run"]["training_benchmark"],
        hidden=config["network"]["hidden"],
        training=config["training"],
        code=code_hash("run/benchmark_training", "training"),
    message:
        "Measuring the training rate (minutes; leave the machine alone)"
    script:
        "../scripts/run/benchmark_training.py"


rule plot_benchmark_training:
    """Draw the training rates."""
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
        code=code_hash("run/plot_benchmark_training", "plots"),
    message:
        "Plotting the training rate"
    script:
        "../scripts/run/plot_benchmark_training.py"


# Needs the environment envs/peers.txt, which `make peers` makes.
rule benchmark_trainers:
    """Measure how fast networks train, beside plain JAX and Keras on JAX."""
    output:
        csv="<results>/benchmarks/trainers.csv",
        md="<results>/benchmarks/trainers.md",
    log:
        "<logs>/benchmark_trainers.log",
    conda:
        "../../envs/peers.yaml"
    resources:
        mem_mb=request(4000),
        runtime=request(30),
    params:
        settings=config["run"]["training_benchmark"],
        batch_sizes=[64, *config["run"]["training_benchmark"]["batch_sizes"]],
        hidden=config["network"]["hidden"],
        training=config["training"],
        code=code_hash("run/benchmark_trainers", "peers"),
    message:
        "Measuring trainers (minutes; leave the machine alone)"
    script:
        "../scripts/run/benchmark_trainers.py"


rule benchmarks:
    """Every measurement of speed."""
    input:
        rules.benchmark_training.output,
        rules.plot_benchmark_training.output,
        rules.benchmark_overhead.output,
        rules.benchmark_catalogues.output if config["survey"] != "custom" else [],


# What a second run would say: the same seeds with other arithmetic, and each half of the seeds.
#
#   snakemake --cores 2 arithmetic       trains all networks a second time
#
# Inputs   claims, draws and predictions of the run
# Outputs  <results>/avx2/...: the run without AVX-512; <results>/tables/rerun*.{csv,md}


rule rerun_avx2:
    """Make the run again as on a processor without AVX-512."""
    input:
        splits=expand("<results>/splits/{role}.parquet", role=["source", "target"]),
    output:
        claims="<results>/tables/claims_avx2.csv",
        resampled="<results>/metrics/resampled_avx2.parquet",
    log:
        "<logs>/rerun_avx2.log",
    benchmark:
        "<benchmarks>/rerun_avx2.tsv"
    conda:
        "../../envs/training.yaml"
    # All cores that are given to the run: the jobs of the second run share them.
    threads: 1000
    resources:
        mem_mb=request(8000),
        runtime=request(600),
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        configfiles=[str(path) for path in workflow.configfiles],
        pathvars={
            name: f"{config['pathvars'][name]}/avx2"
            for name in ("results", "logs", "benchmarks")
        },
        code=code_hash("run/rerun_avx2", "training"),
    message:
        "The whole run again, as on a processor without AVX-512"
    script:
        "../scripts/run/rerun_avx2.py"


rule table_reruns:
    """Compare claims and Table 1 with those of other arithmetic and of other seeds."""
    input:
        claims="<results>/claims.csv",
        resampled="<results>/metrics/resampled.parquet",
        claims_avx2="<results>/tables/claims_avx2.csv",
        resampled_avx2="<results>/metrics/resampled_avx2.parquet",
        per_seed="<results>/metrics/per_seed.csv",
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        published="config/claims.yaml",
    output:
        intervals="<results>/tables/reruns_intervals.csv",
        verdicts="<results>/tables/reruns_verdicts.csv",
        md="<results>/tables/reruns.md",
    log:
        "<logs>/table_reruns.log",
    benchmark:
        "<benchmarks>/table_reruns.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=6),
        runtime=request(10, per_input=0.3),
    params:
        strategies=list(config["strategies"]),
        ranges=evaluation_ranges(bins=False),
        survey=config["survey"],
        code=code_hash("run/table_reruns", "plots"),
    message:
        "What a second run would say: other arithmetic, other seeds"
    script:
        "../scripts/run/table_reruns.py"


rule arithmetic:
    """What holds with other arithmetic and with other seeds."""
    input:
        rules.table_reruns.output,
