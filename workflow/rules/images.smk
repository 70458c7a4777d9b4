# Studies of images, each a target of its own and no part of rule all: lenses with uncertain labels,
# stars and galaxies.
#
# Inputs   none; sizes and settings from config["lenses"] and config["star_galaxy"]
# Outputs  <results>/lenses/, <results>/star_galaxy/


include: "helpers/images.smk"


# --------------------------------------------------------------------------------- lenses


rule lenses_simulate:
    """Simulate images of lenses with a random field in their potential."""
    output:
        images="<results>/lenses/images.npz",
        lenses="<results>/lenses/lenses.parquet",
    log:
        "<logs>/lenses_simulate.log",
    benchmark:
        "<benchmarks>/lenses_simulate.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=request(1500),
        runtime=request(30),
    params:
        simulation=config["lenses"]["simulation"],
        camera=config["lenses"]["camera"],
        code=code_hash("images/lenses_simulate", "images"),
    message:
        "Simulating {params.simulation[lenses]} lenses"
    script:
        "../scripts/images/lenses_simulate.py"


rule lenses_train:
    """Train the networks of one study of lenses."""
    input:
        images="<results>/lenses/images.npz",
        lenses="<results>/lenses/lenses.parquet",
    output:
        distributions="<results>/lenses/studies/{lens_study}.npz",
        history="<results>/lenses/studies/{lens_study}.csv",
    log:
        "<logs>/lenses_train/{lens_study}.log",
    benchmark:
        "<benchmarks>/lenses_train/{lens_study}.tsv"
    wildcard_constraints:
        lens_study="[a-z_]+",
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=request(2000, per_input=30),
        runtime=request(60, per_input=10),
    params:
        study=lens_study,
        loss=lens_loss,
        copies=lens_copies(),
        network=config["lenses"]["network"],
        training=config["lenses"]["training"],
        seed=config["lenses"]["simulation"]["seed"],
        code=code_hash("images/lenses_train", "training"),
    message:
        "Training the networks of the study of lenses '{wildcards.lens_study}'"
    script:
        "../scripts/images/lenses_train.py"


rule lenses_evaluate:
    """Score the networks of every study of lenses."""
    input:
        lenses="<results>/lenses/lenses.parquet",
        studies=expand("<results>/lenses/studies/{study}.npz", study=lens_studies()),
    output:
        metrics="<results>/lenses/metrics.csv",
        md="<results>/tables/lenses.md",
    log:
        "<logs>/lenses_evaluate.log",
    benchmark:
        "<benchmarks>/lenses_evaluate.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(2000, per_input=3),
        runtime=request(10),
    params:
        names=list(lens_studies()),
        losses=config["lenses"]["losses"],
        copies=lens_copies(),
        seed=config["lenses"]["simulation"]["seed"],
        code=code_hash("images/lenses_evaluate", "plots"),
    message:
        "Scoring the networks of lenses"
    script:
        "../scripts/images/lenses_evaluate.py"


rule lenses_judge_claims:
    """Judge the published claim on lenses."""
    input:
        metrics="<results>/lenses/metrics.csv",
        claims=project_file("config/claims.yaml"),
    output:
        csv="<results>/lenses/claims.csv",
        md="<results>/lenses/claims.md",
    log:
        "<logs>/lenses_judge_claims.log",
    benchmark:
        "<benchmarks>/lenses_judge_claims.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(2000, per_input=3),
        runtime=request(10),
    params:
        code=code_hash("images/lenses_judge_claims", "plots"),
    message:
        "Judging the published claim on lenses"
    script:
        "../scripts/images/lenses_judge_claims.py"


rule lenses_plot_recovery:
    """Plot recovered log A and beta of lenses, and calibration."""
    input:
        lenses="<results>/lenses/lenses.parquet",
        study="<results>/lenses/studies/published.npz",
    output:
        pdf="<results>/figures/lenses_recovery.pdf",
        png="<results>/figures/lenses_recovery.png",
        table="<results>/figures/lenses_recovery.csv",
        caption="<results>/figures/lenses_recovery.md",
    log:
        "<logs>/lenses_plot_recovery.log",
    benchmark:
        "<benchmarks>/lenses_plot_recovery.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(2000, per_input=3),
        runtime=request(10),
    params:
        copies=lens_copies(),
        seed=config["lenses"]["simulation"]["seed"],
        code=code_hash("images/lenses_plot_recovery", "plots"),
    message:
        "Plotting recovered fields of lenses"
    script:
        "../scripts/images/lenses_plot_recovery.py"


rule lenses_plot_labels:
    """Plot labels and predictions of three lenses."""
    input:
        lenses="<results>/lenses/lenses.parquet",
        study="<results>/lenses/studies/published.npz",
        images="<results>/lenses/images.npz",
    output:
        pdf="<results>/figures/lenses_labels.pdf",
        png="<results>/figures/lenses_labels.png",
        caption="<results>/figures/lenses_labels.md",
    log:
        "<logs>/lenses_plot_labels.log",
    benchmark:
        "<benchmarks>/lenses_plot_labels.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(2000, per_input=3),
        runtime=request(10),
    params:
        copies=lens_copies(),
        seed=config["lenses"]["simulation"]["seed"],
        code=code_hash("images/lenses_plot_labels", "plots"),
    message:
        "Plotting labels of lenses"
    script:
        "../scripts/images/lenses_plot_labels.py"


rule lenses:
    """Lenses with uncertain labels: networks, tables, claims and figures."""
    input:
        rules.lenses_evaluate.output,
        rules.lenses_judge_claims.output,
        rules.lenses_plot_recovery.output,
        rules.lenses_plot_labels.output,
