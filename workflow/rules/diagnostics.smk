# What a reader asks next: trends, seeds, learning curves, colour space, baselines.
#
# Inputs   <results>/{splits,models,predictions,metrics}/...
# Outputs  <results>/metrics/{per_magnitude,per_colour,baselines}.csv, baselines/*.parquet,
#          tables/table3.*, figures/{trends_*,seed_spread,learning_curves,colour_space,baselines}.*


include: "diagnostics_settings.smk"


wildcard_constraints:
    quantity="redshift|magnitude",


localrules:
    evaluate_baselines,
    table3,


rule evaluate_photometry:
    input:
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/splits/galaxiesml.parquet",
    output:
        per_magnitude="<results>/metrics/per_magnitude.csv",
        per_colour="<results>/metrics/per_colour.csv",
    log:
        "<logs>/evaluate_photometry.log",
    benchmark:
        "<benchmarks>/evaluate_photometry.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        seeds=all_seeds(),
        bands=config["bands"],
        band=reference_band(),
        colours=config["diagnostics"]["colours"],
        z_range=config["evaluation"]["z_range"],
        full_range=config["evaluation"]["full_range"],
        bin_width=config["diagnostics"]["magnitude_bin_width"],
        bin_min_galaxies=config["evaluation"]["bin_min_galaxies"],
        cell_size=config["diagnostics"]["cell_size"],
        cell_min_galaxies=config["diagnostics"]["cell_min_galaxies"],
        code=code_hash("evaluate_photometry", "plots"),
    message:
        "Measuring every seed by magnitude and by colour"
    script:
        "../scripts/evaluate_photometry.py"


rule plot_trends:
    input:
        metrics=trend_metrics,
    output:
        pdf="<results>/figures/trends_{quantity}.pdf",
        png=report(
            "<results>/figures/trends_{quantity}.png",
            caption="../report/trends.rst",
            category="3 Behind the numbers",
            labels={"Figure": "Trends", "Shows": "metrics against {quantity}"},
        ),
        table="<results>/figures/trends_{quantity}.csv",
        caption="<results>/figures/trends_{quantity}.md",
    log:
        "<logs>/plot_trends/{quantity}.log",
    benchmark:
        "<benchmarks>/plot_trends/{quantity}.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        names=config["diagnostics"]["trend_metrics"],
        strategies=list(config["strategies"]),
        bin_width=trend_bin_width,
        band=reference_band(),
        z_range=config["evaluation"]["z_range"],
        requirements=config["evaluation"]["requirements"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("plot_trends", "plots"),
    message:
        "Plotting metrics against {wildcards.quantity}"
    script:
        "../scripts/plot_trends.py"


rule plot_seed_spread:
    input:
        per_seed="<results>/metrics/per_seed.csv",
    output:
        pdf="<results>/figures/seed_spread.pdf",
        png=report(
            "<results>/figures/seed_spread.png",
            caption="../report/seed_spread.rst",
            category="3 Behind the numbers",
            labels={"Figure": "Seeds", "Shows": "spread of each metric over seeds"},
        ),
        table="<results>/figures/seed_spread.csv",
        caption="<results>/figures/seed_spread.md",
    log:
        "<logs>/plot_seed_spread.log",
    benchmark:
        "<benchmarks>/plot_seed_spread.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        metrics=config["figures"]["figure3_metrics"],
        strategies=list(config["strategies"]),
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("plot_seed_spread", "plots"),
    message:
        "Plotting the spread over seeds"
    script:
        "../scripts/plot_seed_spread.py"


rule plot_learning_curves:
    input:
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
    output:
        pdf="<results>/figures/learning_curves.pdf",
        png=report(
            "<results>/figures/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="3 Behind the numbers",
            labels={"Figure": "Learning curves", "Shows": "loss of every seed"},
        ),
        table="<results>/figures/learning_curves.csv",
        caption="<results>/figures/learning_curves.md",
    log:
        "<logs>/plot_learning_curves.log",
    benchmark:
        "<benchmarks>/plot_learning_curves.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        labels=config["labels"],
        survey=config["survey"],
        max_epochs=epoch_limits(),
        code=code_hash("plot_learning_curves", "plots"),
    message:
        "Plotting the learning curves of all seeds"
    script:
        "../scripts/plot_learning_curves.py"


rule plot_colour_space:
    input:
        per_colour="<results>/metrics/per_colour.csv",
    output:
        pdf="<results>/figures/colour_space.pdf",
        png=report(
            "<results>/figures/colour_space.png",
            caption="../report/colour_space.rst",
            category="3 Behind the numbers",
            labels={"Figure": "Colour space", "Shows": "where each strategy wins"},
        ),
        table="<results>/figures/colour_space.csv",
        caption="<results>/figures/colour_space.md",
    log:
        "<logs>/plot_colour_space.log",
    benchmark:
        "<benchmarks>/plot_colour_space.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        axis_labels=colour_labels(),
        cell_size=config["diagnostics"]["cell_size"],
        cell_min_galaxies=config["diagnostics"]["cell_min_galaxies"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("plot_colour_space", "plots"),
    message:
        "Plotting where in colour space each strategy wins"
    script:
        "../scripts/plot_colour_space.py"


rule baseline_null:
    input:
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/splits/galaxiesml.parquet",
        combo="<results>/splits/combo.parquet",
    output:
        predictions="<results>/baselines/null.parquet",
    log:
        "<logs>/baseline_null.log",
    benchmark:
        "<benchmarks>/baseline_null.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        code=code_hash("baseline_null", "plots"),
    message:
        "Predicting from the training n(z) alone"
    script:
        "../scripts/baseline_null.py"


rule baseline_forest:
    input:
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/splits/galaxiesml.parquet",
        combo="<results>/splits/combo.parquet",
    output:
        predictions="<results>/baselines/forest.parquet",
    log:
        "<logs>/baseline_forest.log",
    benchmark:
        "<benchmarks>/baseline_forest.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=40),
        runtime=request(15, per_input=2),
    params:
        inputs=forest_inputs,
        bands=config["bands"],
        trees=config["diagnostics"]["forest"]["trees"],
        min_leaf=config["diagnostics"]["forest"]["min_leaf"],
        seeds=config["diagnostics"]["forest"]["seeds"],
        code=code_hash("baseline_forest", "plots"),
    message:
        "Training random forests on the same rows"
    script:
        "../scripts/baseline_forest.py"


rule evaluate_baselines:
    input:
        predictions=[
            "<results>/baselines/null.parquet",
            "<results>/baselines/forest.parquet",
        ],
    output:
        per_seed="<results>/metrics/baselines.csv",
    log:
        "<logs>/evaluate_baselines.log",
    benchmark:
        "<benchmarks>/evaluate_baselines.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        z_range=config["evaluation"]["z_range"],
        full_range=config["evaluation"]["full_range"],
        code=code_hash("evaluate_baselines", "plots"),
    message:
        "Measuring the baselines on both test sets"
    script:
        "../scripts/evaluate_baselines.py"


rule table3:
    input:
        per_seed="<results>/metrics/per_seed.csv",
        baselines="<results>/metrics/baselines.csv",
    output:
        csv="<results>/tables/table3.csv",
        md="<results>/tables/table3.md",
        tex="<results>/tables/table3.tex",
    log:
        "<logs>/table3.log",
    benchmark:
        "<benchmarks>/table3.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        strategies=list(config["strategies"]),
        metrics=config["evaluation"]["table_metrics"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("table3", "plots"),
    message:
        "Table 3: what the networks are worth"
    script:
        "../scripts/table3.py"


rule plot_baselines:
    input:
        table3="<results>/tables/table3.csv",
    output:
        pdf="<results>/figures/baselines.pdf",
        png=report(
            "<results>/figures/baselines.png",
            caption="../report/baselines.rst",
            category="3 Behind the numbers",
            labels={
                "Figure": "Baselines",
                "Shows": "networks beside n(z) and forests",
            },
        ),
        table="<results>/figures/baselines.csv",
        caption="<results>/figures/baselines.md",
    log:
        "<logs>/plot_baselines.log",
    benchmark:
        "<benchmarks>/plot_baselines.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        metrics=config["figures"]["figure3_metrics"],
        z_range=config["evaluation"]["z_range"],
        requirements=config["evaluation"]["requirements"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("plot_baselines", "plots"),
    message:
        "Plotting the networks beside the baselines"
    script:
        "../scripts/plot_baselines.py"


rule diagnostics:
    input:
        expand(rules.plot_trends.output, quantity=["redshift", "magnitude"]),
        rules.plot_seed_spread.output,
        rules.plot_learning_curves.output,
        rules.plot_colour_space.output if len(config["bands"]) > 2 else [],
        rules.plot_baselines.output,
        rules.table3.output,
        (
            multiext("<results>/figures/control", ".pdf", ".png", ".csv", ".md")
            if has_control()
            else []
        ),
