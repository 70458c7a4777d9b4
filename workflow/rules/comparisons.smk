# Strategies beyond the paper's, seed by seed: pairs of them, and recipes of transfer.
#
# Inputs   <results>/metrics/per_seed.csv, and truth.csv beside it (embedded survey)
# Outputs  <results>/tables/comparisons.{csv,md}, <results>/tables/recipes.{csv,md}


include: "comparisons_settings.smk"


rule table_comparisons:
    input:
        per_seed="<results>/metrics/per_seed.csv",
        truth=("<results>/metrics/truth.csv" if config["survey"] == "embedded" else []),
    output:
        csv="<results>/tables/comparisons.csv",
        md="<results>/tables/comparisons.md",
    log:
        "<logs>/table_comparisons.log",
    benchmark:
        "<benchmarks>/table_comparisons.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(800),
        runtime=request(10),
    params:
        pairs=config["evaluation"]["comparisons"],
        metrics=config["evaluation"]["table_metrics"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("table_comparisons", "plots"),
    message:
        "Pairs of strategies compared seed by seed"
    script:
        "../scripts/table_comparisons.py"


rule table_recipes:
    input:
        per_seed="<results>/metrics/per_seed.csv",
    output:
        csv="<results>/tables/recipes.csv",
        md="<results>/tables/recipes.md",
    log:
        "<logs>/table_recipes.log",
    benchmark:
        "<benchmarks>/table_recipes.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(800),
        runtime=request(10),
    params:
        recipes=recipes(),
        metrics=config["evaluation"]["table_metrics"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("table_recipes", "plots"),
    message:
        "Recipes of transfer: what learns, how fast, and what comes of it"
    script:
        "../scripts/table_recipes.py"


rule comparisons:
    input:
        rules.table_comparisons.output,
        rules.table_recipes.output,
