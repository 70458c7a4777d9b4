# What a reader asks next: trends, seeds, learning curves, colour space, baselines.
#
# Inputs   <results>/{splits,models,predictions,metrics}/...
# Outputs  <results>/metrics/{per_magnitude,per_colour,baselines}.csv, baselines/*.parquet,
#          tables/table3.*, figures/stress.* (with config/stress.yaml),
#          figures/{trends_*,seed_spread,learning_curves,colour_space,baselines,labels_vs_spectra}.*


include: "helpers/diagnostics.smk"


wildcard_constraints:
    quantity="redshift|magnitude",
    kind="|".join(BASELINES),


localrules:
    evaluate_baselines,
    table3,


rule evaluate_photometry:
    """Measure every seed in bins of magnitude and of colour."""
    input:
        predictions=per_chunk("<results>/predictions/{strategy}/seeds-{chunk}.parquet"),
        source="<results>/splits/source.parquet",
        target="<results>/splits/target.parquet",
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
        code=code_hash("diagnostics/evaluate_photometry", "plots"),
    message:
        "Measuring every seed by magnitude and by colour"
    script:
        "../scripts/diagnostics/evaluate_photometry.py"


rule plot_trends:
    """Draw the metrics against redshift or magnitude."""
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
        code=code_hash("diagnostics/plot_trends", "plots"),
    message:
        "Plotting metrics against {wildcards.quantity}"
    script:
        "../scripts/diagnostics/plot_trends.py"


rule plot_seed_spread:
    """Draw the spread of the metrics over seeds."""
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
        code=code_hash("diagnostics/plot_seed_spread", "plots"),
    message:
        "Plotting the spread over seeds"
    script:
        "../scripts/diagnostics/plot_seed_spread.py"


rule plot_learning_curves:
    """Draw the training and validation losses of all seeds."""
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
        code=code_hash("diagnostics/plot_learning_curves", "plots"),
    message:
        "Plotting the learning curves of all seeds"
    script:
        "../scripts/diagnostics/plot_learning_curves.py"


rule plot_colour_space:
    """Draw where in colour space each strategy is the better one."""
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
        code=code_hash("diagnostics/plot_colour_space", "plots"),
    message:
        "Plotting where in colour space each strategy wins"
    script:
        "../scripts/diagnostics/plot_colour_space.py"


rule baseline:
    """Train one kind of baseline on the rows that the networks train on."""
    input:
        source="<results>/splits/source.parquet",
        target="<results>/splits/target.parquet",
        combo="<results>/splits/combo.parquet",
    output:
        predictions="<results>/baselines/{kind}.parquet",
    log:
        "<logs>/baseline/{kind}.log",
    benchmark:
        "<benchmarks>/baseline/{kind}.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=40),
        runtime=request(15, per_input=2),
    params:
        inputs=baseline_inputs,
        bands=config["bands"],
        settings=baseline_settings,
        seeds=baseline_seeds,
        code=code_hash("diagnostics/baseline", "plots"),
    message:
        "Training the baseline {wildcards.kind} on the same rows"
    script:
        "../scripts/diagnostics/baseline.py"


use rule evaluate as evaluate_baselines with:
    input:
        predictions=expand("<results>/baselines/{kind}.parquet", kind=BASELINES),
    output:
        per_seed="<results>/metrics/baselines.csv",
    log:
        "<logs>/evaluate_baselines.log",
    benchmark:
        "<benchmarks>/evaluate_baselines.tsv"
    params:
        strategies=None,
        ranges=evaluation_ranges(bins=False),
    message:
        "Measuring the baselines on both test sets"


rule table3:
    """Write Table 3, the networks beside the baselines."""
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
        code=code_hash("diagnostics/table3", "plots"),
    message:
        "Table 3: what the networks are worth"
    script:
        "../scripts/diagnostics/table3.py"


rule plot_baselines:
    """Draw the networks beside the baselines."""
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
        code=code_hash("diagnostics/plot_baselines", "plots"),
    message:
        "Plotting the networks beside the baselines"
    script:
        "../scripts/diagnostics/plot_baselines.py"


if has_spectra():

    rule plot_labels_vs_spectra:
        """Hold the photometric labels against spectra, and see what each cut buys."""
        input:
            matched="<results>/transferz/matched.parquet",
            spectra=config["inputs"]["spectra"],
            columns="config/columns.tsv",
        output:
            pdf="<results>/figures/labels_vs_spectra.pdf",
            png=report(
                "<results>/figures/labels_vs_spectra.png",
                caption="../report/labels_vs_spectra.rst",
                category="3 Behind the numbers",
                labels={"Figure": "Labels", "Shows": "labels against spectra"},
            ),
            table="<results>/figures/labels_vs_spectra.csv",
            caption="<results>/figures/labels_vs_spectra.md",
        log:
            "<logs>/plot_labels_vs_spectra.log",
        benchmark:
            "<benchmarks>/plot_labels_vs_spectra.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=6),
            runtime=request(10, per_input=0.05),
        params:
            bands=config["bands"],
            band=reference_band(),
            cuts=config["selection"]["cuts"],
            photometry=config["photometry"],
            settings=config["diagnostics"]["spectra"],
            widths={
                "magnitude": config["diagnostics"]["magnitude_bin_width"],
                "redshift": config["evaluation"]["bin_width"],
            },
            least=config["evaluation"]["bin_min_galaxies"],
            labels=config["labels"],
            survey=config["survey"],
            code=code_hash("diagnostics/plot_labels_vs_spectra", "plots"),
        message:
            "Holding the labels against spectra"
        script:
            "../scripts/diagnostics/plot_labels_vs_spectra.py"


rule diagnostics:
    """Every figure and table that explains the main result."""
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
        (
            multiext(
                "<results>/figures/labels_vs_spectra", ".pdf", ".png", ".csv", ".md"
            )
            if has_spectra()
            else []
        ),


rule plot_stress:
    """Draw the metrics of strategies against the share of their spectra that is lost or wrong."""
    input:
        per_seed="<results>/metrics/per_seed.csv",
        samples=stress_samples,
    output:
        pdf="<results>/figures/stress.pdf",
        png="<results>/figures/stress.png",
        table="<results>/figures/stress.csv",
        caption="<results>/figures/stress.md",
    log:
        "<logs>/plot_stress.log",
    benchmark:
        "<benchmarks>/plot_stress.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10),
    params:
        strategies=config["diagnostics"]["stress"]["strategies"],
        metrics=config["diagnostics"]["trend_metrics"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("diagnostics/plot_stress", "plots"),
    message:
        "Plotting the stress tests"
    script:
        "../scripts/diagnostics/plot_stress.py"


rule stress:
    """The stress tests: config/stress.yaml."""
    input:
        rules.plot_stress.output,


# Strategies beyond the paper's, seed by seed: pairs of them, and recipes of training.
#
# Inputs   <results>/metrics/{per_seed.csv,resampled.parquet}, histories and logs of training,
#          and truth.csv (embedded survey)
# Outputs  <results>/tables/comparisons.{csv,md}, <results>/tables/recipes.{csv,md}


rule table_comparisons:
    """Compare pairs of strategies seed by seed."""
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
        code=code_hash("diagnostics/table_comparisons", "plots"),
    message:
        "Pairs of strategies compared seed by seed"
    script:
        "../scripts/diagnostics/table_comparisons.py"


# For the choice of a recipe: test sets have no say in it.
use rule predict_tests as predict_validation with:
    output:
        predictions=expand(
            "<results>/validation/{{strategy}}/seeds-{chunk}.parquet",
            chunk=seed_chunks(),
        ),
    log:
        "<logs>/predict_validation/{strategy}.log",
    benchmark:
        "<benchmarks>/predict_validation/{strategy}.tsv"
    params:
        split="validation",
    message:
        "Predicting the validation rows with every seed of {wildcards.strategy}"


use rule evaluate as evaluate_validation with:
    input:
        predictions=per_chunk("<results>/validation/{strategy}/seeds-{chunk}.parquet"),
    output:
        per_seed="<results>/metrics/validation.csv",
    log:
        "<logs>/evaluate_validation.log",
    benchmark:
        "<benchmarks>/evaluate_validation.tsv"
    params:
        ranges=evaluation_ranges(bins=False),
    message:
        "Measuring every seed on the validation rows"


rule table_recipes:
    """Compare recipes of training: cost, validation loss and metrics of each strategy."""
    input:
        per_seed="<results>/metrics/per_seed.csv",
        resampled="<results>/metrics/resampled.parquet",
        validation="<results>/metrics/validation.csv",
        histories=per_chunk("<results>/models/{strategy}/seeds-{chunk}.history.csv"),
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
        mem_mb=request(1000),
        runtime=request(10),
    params:
        logs=training_logs(),
        recipes=recipes(),
        metrics=config["evaluation"]["table_metrics"],
        z_range=config["evaluation"]["z_range"],
        labels=config["labels"],
        survey=config["survey"],
        code=code_hash("diagnostics/table_recipes", "plots"),
    message:
        "Recipes: what learns, how fast, at what cost, and what comes of it"
    script:
        "../scripts/diagnostics/table_recipes.py"


rule recipes:
    """The table of recipes of training."""
    input:
        rules.table_recipes.output,


rule comparisons:
    """The comparisons of strategies and of their recipes."""
    input:
        rules.table_comparisons.output,
        rules.table_recipes.output,


# The control: the same strategies with a target that is drawn representatively (embedded survey).
#
# Inputs   <resources>/control/*.csv, <results>/splits/source.parquet, models of the run
# Outputs  <results>/control/..., <results>/metrics/control.csv, figures/control.*
#
# Rules inherit from those of the run: the same scripts, cuts, networks and trainings. Only what
# learns from the target is trained anew, for a few seeds.


if config["survey"] == "embedded":

    use rule clean_galaxiesml as clean_control with:
        input:
            training="<resources>/control/5x127x127_training_with_morphology.csv",
            validation="<resources>/control/5x127x127_validation_with_morphology.csv",
            testing="<resources>/control/5x127x127_testing_with_morphology.csv",
            columns="config/columns.tsv",
        output:
            galaxiesml="<results>/control/catalogue.parquet",
            cutflow="<results>/control/cutflow.csv",
        log:
            "<logs>/control/clean.log",
        benchmark:
            "<benchmarks>/control/clean.tsv"
        message:
            "Cleaning the control"

    # The source keeps the split of the run, so that networks of the run have not seen its test rows.
    use rule split as split_control with:
        input:
            source="<results>/splits/source.parquet",
            target="<results>/control/catalogue.parquet",
        output:
            source_split="<results>/control/splits/source.parquet",
            target_split="<results>/control/splits/target.parquet",
            combo_split="<results>/control/splits/combo.parquet",
            summary="<results>/control/splits/summary.csv",
            overlap="<results>/control/splits/overlap.csv",
        log:
            "<logs>/control/split.log",
        benchmark:
            "<benchmarks>/control/split.tsv"
        params:
            method={"source": "published", "target": "published"},
        message:
            "Splitting the control"

    use rule train as train_control with:
        input:
            split=control_split,
            start=control_start,
        output:
            models="<results>/control/models/{strategy}/seeds-{chunk}.npz",
            history="<results>/control/models/{strategy}/seeds-{chunk}.history.csv",
        log:
            "<logs>/control/train/{strategy}/seeds-{chunk}.log",
        benchmark:
            "<benchmarks>/control/train/{strategy}/seeds-{chunk}.tsv"
        message:
            "Training {wildcards.strategy} on the control, seeds {wildcards.chunk}"

    use rule predict_tests as predict_control with:
        input:
            models=control_predict_models,
            source="<results>/control/splits/source.parquet",
            target="<results>/control/splits/target.parquet",
        output:
            predictions=expand(
                "<results>/control/predictions/{{strategy}}/part-{part}.parquet",
                part=range(1, len(control_chunks()) + 1),
            ),
        log:
            "<logs>/control/predict_tests/{strategy}.log",
        benchmark:
            "<benchmarks>/control/predict_tests/{strategy}.tsv"
        message:
            "Predicting the control's test set with {wildcards.strategy}"

    use rule evaluate as evaluate_control with:
        input:
            predictions=expand(
                "<results>/control/predictions/{strategy}/part-{part}.parquet",
                strategy=config["strategies"],
                part=range(1, len(control_chunks()) + 1),
            ),
        output:
            per_seed="<results>/metrics/control.csv",
        log:
            "<logs>/evaluate_control.log",
        benchmark:
            "<benchmarks>/evaluate_control.tsv"
        params:
            seeds=control_seeds(),
            # Networks that did not learn from the target are the run's, of more seeds.
            drop_other_seeds=True,
            ranges=evaluation_ranges(bins=False),
        message:
            "Measuring every strategy on the control"

    rule plot_control:
        """Draw the gains on a target that represents the source."""
        input:
            per_seed="<results>/metrics/per_seed.csv",
            control="<results>/metrics/control.csv",
            source=catalogue("source"),
            target=catalogue("target"),
            control_catalogue="<results>/control/catalogue.parquet",
        output:
            pdf="<results>/figures/control.pdf",
            png=report(
                "<results>/figures/control.png",
                caption="../report/control.rst",
                category="3 Behind the numbers",
                labels={"Figure": "Control", "Shows": "what drives the gain"},
            ),
            table="<results>/figures/control.csv",
            caption="<results>/figures/control.md",
        log:
            "<logs>/plot_control.log",
        benchmark:
            "<benchmarks>/plot_control.tsv"
        conda:
            "../../envs/plots.yaml"
        resources:
            mem_mb=request(1000, per_input=4),
            runtime=request(10, per_input=0.05),
        params:
            metrics=config["figures"]["figure3_metrics"],
            strategies=list(config["strategies"]),
            seeds=control_seeds(),
            z_range=config["evaluation"]["z_range"],
            bands=config["bands"],
            band=reference_band(),
            labels=config["labels"],
            survey=config["survey"],
            code=code_hash("diagnostics/plot_control", "plots"),
        message:
            "Plotting what drives the gain"
        script:
            "../scripts/diagnostics/plot_control.py"
