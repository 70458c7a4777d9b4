# The embedded survey: galaxies, photometry, template fits and spectroscopic selections simulated
# into the archives' own file formats.
#
# Inputs   none; sizes and physics from config["embedded"]
# Outputs  <resources>/...: COSMOS2020 and HSC FITS, GalaxiesML CSVs, the control, the truth


N_SIMULATED = sum(
    config["embedded"][key] for key in ("n_transferz", "n_galaxiesml", "n_control")
)


rule simulate_survey:
    output:
        cosmos="<resources>/COSMOS2020_CLASSIC.fits",
        hsc="<resources>/hsc_pdr2.fits",
        galaxiesml=expand(
            "<resources>/5x127x127_{part}_with_morphology.csv",
            part=["training", "validation", "testing"],
        ),
        control=expand(
            "<resources>/control/5x127x127_{part}_with_morphology.csv",
            part=["training", "validation", "testing"],
        ),
        truth="<resources>/truth.parquet",
    log:
        "<logs>/simulate_survey.log",
    benchmark:
        "<benchmarks>/simulate_survey.tsv"
    conda:
        "../../envs/survey.yaml"
    threads: 2
    resources:
        mem_mb=request(1500 + N_SIMULATED // 500),
        runtime=request(10 + N_SIMULATED // 20000),
    params:
        embedded=config["embedded"],
        seed=config["embedded"]["seed"],
        code=code_hash("simulate_survey", "survey"),
    message:
        "Simulating the embedded survey into {output.cosmos} and its companions"
    script:
        "../scripts/simulate_survey.py"


rule plot_survey_quality:
    input:
        cosmos="<resources>/COSMOS2020_CLASSIC.fits",
        hsc="<resources>/hsc_pdr2.fits",
        galaxiesml=rules.simulate_survey.output.galaxiesml,
        truth="<resources>/truth.parquet",
    output:
        pdf="<results>/figures/survey_quality.pdf",
        png=report(
            "<results>/figures/survey_quality.png",
            caption="../report/survey_quality.rst",
            category="3 Behind the numbers",
            labels={"Figure": "Survey", "Shows": "embedded beside published"},
        ),
        table="<results>/figures/survey_quality.csv",
        caption="<results>/figures/survey_quality.md",
    log:
        "<logs>/plot_survey_quality.log",
    benchmark:
        "<benchmarks>/plot_survey_quality.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000, per_input=4),
        runtime=request(10, per_input=0.05),
    params:
        published=config["survey_quality"],
        code=code_hash("plot_survey_quality", "plots"),
    message:
        "Plotting the embedded survey beside the published one"
    script:
        "../scripts/plot_survey_quality.py"
