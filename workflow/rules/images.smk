# Studies of images, each a target of its own and no part of rule all: lenses with uncertain labels,
# stars and galaxies.
#
# Inputs   none; sizes and settings from config["lenses"] and config["star_galaxy"]
# Outputs  <results>/lenses/, <results>/star_galaxy/


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


rule lenses:
    """Lenses with uncertain labels."""
    input:
        rules.lenses_simulate.output,
