# The field's estimators on the same splits: RAIL, beside the strategies and the baselines.
#
# Inputs   <results>/{splits,calibration,baselines}/...
# Outputs  <results>/peers/{peer}.{parquet,csv}, <results>/peers/{peer}/*.hdf5 (qp),
#          <results>/tables/peers.{csv,md}, peers_costs.csv, <results>/figures/peers.{pdf,png,csv,md}
#
# Needs the environment envs/peers.txt, which `make peers` makes; no part of rule all.


wildcard_constraints:
    peer="|".join(config["peers"]["estimators"]),


rule train_peer:
    """Train one of RAIL's estimators on each sample and score its answers."""
    input:
        source="<results>/splits/source.parquet",
        target="<results>/splits/target.parquet",
        combo="<results>/splits/combo.parquet",
    output:
        scores="<results>/peers/{peer}.parquet",
        costs="<results>/peers/{peer}.csv",
        ensembles=directory("<results>/peers/{peer}"),
    log:
        "<logs>/train_peer/{peer}.log",
    benchmark:
        "<benchmarks>/train_peer/{peer}.tsv"
    conda:
        "../../envs/peers.yaml"
    resources:
        mem_mb=request(5000),
        runtime=request(60),
    params:
        bands=config["bands"],
        z_max=config["peers"]["z_max"],
        z_step=config["peers"]["z_step"],
        budget=config["peers"]["budget"],
        test_share=config["uncertainty"]["test_share"],
        seed=config["uncertainty"]["seed"],
        code=code_hash("peers/train_peer", "peers"),
    message:
        "RAIL's {wildcards.peer} on the same splits"
    script:
        "../scripts/peers/train_peer.py"


rule table_peers:
    """Write the table of the field's estimators beside the strategies."""
    input:
        peers=expand(
            "<results>/peers/{peer}.parquet", peer=config["peers"]["estimators"]
        ),
        costs=expand("<results>/peers/{peer}.csv", peer=config["peers"]["estimators"]),
        strategies=expand(
            "<results>/calibration/{strategy}/scores.parquet",
            strategy=calibrated(),
        ),
        baselines=expand("<results>/baselines/{kind}.parquet", kind=BASELINES),
    output:
        csv="<results>/tables/peers.csv",
        costs_csv="<results>/tables/peers_costs.csv",
        md="<results>/tables/peers.md",
    log:
        "<logs>/table_peers.log",
    benchmark:
        "<benchmarks>/table_peers.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(2000),
        runtime=request(10),
    params:
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("peers/table_peers", "plots"),
    message:
        "Scores of the field's estimators and of the strategies"
    script:
        "../scripts/peers/table_peers.py"


rule plot_peers:
    """Plot scatter, outliers and distributions of the field's estimators and the strategies."""
    input:
        csv="<results>/tables/peers.csv",
    output:
        pdf="<results>/figures/peers.pdf",
        png="<results>/figures/peers.png",
        table="<results>/figures/peers.csv",
        caption="<results>/figures/peers.md",
    log:
        "<logs>/plot_peers.log",
    benchmark:
        "<benchmarks>/plot_peers.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("peers/plot_peers", "plots"),
    message:
        "Plotting the field's estimators beside the strategies"
    script:
        "../scripts/peers/plot_peers.py"


rule peers:
    """The field's estimators on this run's splits; `make peers` installs what it needs."""
    input:
        rules.table_peers.output,
        rules.plot_peers.output,
