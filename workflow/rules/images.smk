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


# --------------------------------------------------------------------------------- stars and galaxies

STAR_GALAXY = config["star_galaxy"]
OF_THE_SURVEY = STAR_GALAXY["survey"] == "embedded"
# Only the candidates of the embedded survey have a truth.
CUTS_STARS = OF_THE_SURVEY and config["survey"] == "embedded"


if OF_THE_SURVEY:

    rule star_galaxy_draw:
        """Draw cut-outs of stars and galaxies of the embedded survey."""
        input:
            matched="<results>/transferz/matched.parquet" if CUTS_STARS else [],
        output:
            images="<results>/star_galaxy/images.npz",
            objects="<results>/star_galaxy/objects.parquet",
            parent="<results>/star_galaxy/candidates.parquet",
        log:
            "<logs>/star_galaxy_draw.log",
        benchmark:
            "<benchmarks>/star_galaxy_draw.tsv"
        conda:
            "../../envs/images.yaml"
        threads: 2
        resources:
            mem_mb=request(2000 + sum(STAR_GALAXY["objects"].values()) // 5),
            runtime=request(20 + sum(STAR_GALAXY["objects"].values()) // 2000),
        params:
            settings=brief(STAR_GALAXY, "star_galaxy"),
            embedded=config["embedded"],
            cuts=config["selection"]["cuts"],
            photometry=config["photometry"],
            bands=config["bands"],
            code=code_hash("images/star_galaxy_draw", "images"),
        message:
            "Drawing cut-outs of stars and galaxies"
        script:
            "../scripts/images/star_galaxy_draw.py"

else:

    rule star_galaxy_read:
        """Read the user's cut-outs of stars and galaxies."""
        input:
            cutouts=STAR_GALAXY["files"]["path"],
        output:
            images="<results>/star_galaxy/images.npz",
            objects="<results>/star_galaxy/objects.parquet",
        log:
            "<logs>/star_galaxy_read.log",
        benchmark:
            "<benchmarks>/star_galaxy_read.tsv"
        conda:
            "../../envs/images.yaml"
        resources:
            mem_mb=request(1000, per_input=6),
            runtime=request(20),
        params:
            settings=brief(STAR_GALAXY, "star_galaxy"),
            known_by=known_by(STAR_GALAXY["files"]["path"]),
            code=code_hash("images/star_galaxy_read", "images"),
        message:
            "Reading cut-outs of stars and galaxies from {input.cutouts}"
        script:
            "../scripts/images/star_galaxy_read.py"


rule star_galaxy_train:
    """Train the ConvNet on cut-outs and trees on features."""
    input:
        images="<results>/star_galaxy/images.npz",
        objects="<results>/star_galaxy/objects.parquet",
    output:
        predictions="<results>/star_galaxy/predictions.parquet",
        history="<results>/star_galaxy/history.csv",
    log:
        "<logs>/star_galaxy_train.log",
    benchmark:
        "<benchmarks>/star_galaxy_train.tsv"
    conda:
        "../../envs/images.yaml"
    threads: 2
    resources:
        mem_mb=request(2000, per_input=4),
        runtime=request(60, per_input=1),
    params:
        settings={key: STAR_GALAXY[key] for key in ("seeds", "network", "trees")},
        device=config["device"],
        code=code_hash("images/star_galaxy_train", "images"),
    message:
        "Training {params.settings[seeds]} ConvNets and forests on stars and galaxies"
    script:
        "../scripts/images/star_galaxy_train.py"


rule star_galaxy_evaluate:
    """Score the classifiers of stars and galaxies, and judge the published claims."""
    input:
        predictions="<results>/star_galaxy/predictions.parquet",
        claims="config/claims.yaml",
    output:
        metrics="<results>/star_galaxy/metrics.csv",
        verdicts="<results>/star_galaxy/claims.csv",
        csv="<results>/tables/star_galaxy.csv",
        md="<results>/tables/star_galaxy.md",
    log:
        "<logs>/star_galaxy_evaluate.log",
    benchmark:
        "<benchmarks>/star_galaxy_evaluate.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        settings=brief(STAR_GALAXY, "star_galaxy"),
        code=code_hash("images/star_galaxy_evaluate", "images"),
    message:
        "Scoring the classifiers of stars and galaxies"
    script:
        "../scripts/images/star_galaxy_evaluate.py"


rule star_galaxy_use:
    """Measure what stars do to TransferZ and what a classifier would change."""
    input:
        candidates="<results>/star_galaxy/candidates.parquet",
        predictions="<results>/star_galaxy/predictions.parquet",
        truth="<resources>/truth.parquet",
    output:
        csv="<results>/tables/star_galaxy_use.csv",
        md="<results>/tables/star_galaxy_use.md",
    log:
        "<logs>/star_galaxy_use.log",
    benchmark:
        "<benchmarks>/star_galaxy_use.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        settings=brief(STAR_GALAXY, "star_galaxy"),
        code=code_hash("images/star_galaxy_use", "images"),
    message:
        "Counting the stars that cuts let into TransferZ"
    script:
        "../scripts/images/star_galaxy_use.py"


rule star_galaxy_plot_scores:
    """Draw how well stars and galaxies are told apart, by magnitude."""
    input:
        metrics="<results>/star_galaxy/metrics.csv",
        predictions="<results>/star_galaxy/predictions.parquet",
    output:
        multiext("<results>/figures/star_galaxy_scores", **FIGURE),
    log:
        "<logs>/star_galaxy_plot_scores.log",
    benchmark:
        "<benchmarks>/star_galaxy_plot_scores.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        code=code_hash("images/star_galaxy_plot_scores", "images"),
    message:
        "Plotting how well stars and galaxies are told apart"
    script:
        "../scripts/images/star_galaxy_plot_scores.py"


rule star_galaxy_plot_stamps:
    """Draw cut-outs of stars and galaxies with their probabilities."""
    input:
        images="<results>/star_galaxy/images.npz",
        objects="<results>/star_galaxy/objects.parquet",
        predictions="<results>/star_galaxy/predictions.parquet",
    output:
        pdf="<results>/figures/star_galaxy_stamps.pdf",
        png="<results>/figures/star_galaxy_stamps.png",
        caption="<results>/figures/star_galaxy_stamps.md",
    log:
        "<logs>/star_galaxy_plot_stamps.log",
    benchmark:
        "<benchmarks>/star_galaxy_plot_stamps.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=request(1000, per_input=2),
        runtime=request(10),
    params:
        code=code_hash("images/star_galaxy_plot_stamps", "images"),
    message:
        "Plotting cut-outs of stars and galaxies"
    script:
        "../scripts/images/star_galaxy_plot_stamps.py"


rule star_galaxy:
    """Stars and galaxies told apart on images."""
    input:
        rules.star_galaxy_evaluate.output,
        rules.star_galaxy_plot_scores.output,
        rules.star_galaxy_plot_stamps.output,
        rules.star_galaxy_use.output if CUTS_STARS else [],
