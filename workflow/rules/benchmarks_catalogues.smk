# Seconds and memory of reading and matching catalogues of the genuine size, on this machine.
#
# Inputs   none but config/columns.tsv; writes and removes a table of config["catalogue_benchmark"]'s size
# Outputs  <results>/benchmarks/catalogues.{csv,md}


rule benchmark_catalogues:
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
        rows=config["catalogue_benchmark"]["rows"],
        columns=config["catalogue_benchmark"]["columns"],
        hsc_rows=config["catalogue_benchmark"]["hsc_rows"],
        code=code_hash("benchmark_catalogues", "catalogues"),
    message:
        "Measuring how fast catalogues of {params.rows} rows are read and matched"
    script:
        "../scripts/benchmark_catalogues.py"
