# The control: the same strategies with a target that is drawn representatively (embedded survey).
#
# Inputs   <resources>/control/*.csv, <results>/splits/transferz.parquet, models of the run
# Outputs  <results>/control/..., <results>/metrics/control.csv, figures/control.*
#
# Rules inherit from those of the run: the same scripts, cuts, networks and trainings. Only what
# learns from the target is trained anew, for a few seeds.


include: "control_settings.smk"


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
        transferz="<results>/splits/transferz.parquet",
        galaxiesml="<results>/control/catalogue.parquet",
    output:
        transferz="<results>/control/splits/transferz.parquet",
        galaxiesml="<results>/control/splits/galaxiesml.parquet",
        combo="<results>/control/splits/combo.parquet",
        summary="<results>/control/splits/summary.csv",
    log:
        "<logs>/control/split.log",
    benchmark:
        "<benchmarks>/control/split.tsv"
    params:
        bands=config["bands"],
        method={"transferz": "published", "galaxiesml": "published"},
        fractions=config["splits"]["fractions"],
        seed=config["splits"]["seed"],
        block=config["splits"]["block"],
        common_ids=config["splits"]["identity"]["common_ids"],
        identity_radius=config["splits"]["identity"]["radius"],
        code=code_hash("split", "catalogues"),
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
        transferz="<results>/control/splits/transferz.parquet",
        galaxiesml="<results>/control/splits/galaxiesml.parquet",
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


rule evaluate_control:
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
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        strategies=list(config["strategies"]),
        seeds=control_seeds(),
        z_range=config["evaluation"]["z_range"],
        full_range=config["evaluation"]["full_range"],
        code=code_hash("evaluate_control", "plots"),
    message:
        "Measuring every strategy on the control"
    script:
        "../scripts/evaluate_control.py"


rule plot_control:
    input:
        per_seed="<results>/metrics/per_seed.csv",
        control="<results>/metrics/control.csv",
        transferz="<results>/transferz/transferz.parquet",
        galaxiesml="<results>/catalogues/galaxiesml.parquet",
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
        code=code_hash("plot_control", "plots"),
    message:
        "Plotting what drives the gain"
    script:
        "../scripts/plot_control.py"
