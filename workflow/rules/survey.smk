# The embedded survey: galaxies, photometry, template fits and spectroscopic selections simulated
# into the archives' own file formats.
#
# Inputs   none; sizes and physics from config["embedded"]
# Outputs  <resources>/...: COSMOS2020 and HSC FITS, GalaxiesML CSVs, the control, the truth


if config["survey"] == "embedded":

    N_SIMULATED = sum(
        config["embedded"][key] for key in ("n_transferz", "n_galaxiesml", "n_control")
    )

    rule simulate_survey:
        """Simulate the embedded survey in the archives' own file formats."""
        output:
            cosmos="<resources>/COSMOS2020_CLASSIC.fits",
            hsc="<resources>/hsc_pdr2.fits",
            spectra="<resources>/specz_compilation.fits",
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
            code=code_hash("survey/simulate_survey", "survey"),
        message:
            "Simulating the embedded survey into {output.cosmos} and its companions"
        script:
            "../scripts/survey/simulate_survey.py"

    rule plot_survey_quality:
        """Draw the embedded survey beside the published one."""
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
            code=code_hash("survey/plot_survey_quality", "plots"),
        message:
            "Plotting the embedded survey beside the published one"
        script:
            "../scripts/survey/plot_survey_quality.py"


# The public catalogues, downloaded and verified: the inputs of catalogues.smk (survey: archive).
#
# Inputs   the registry config/datasets.tsv, workflow/sql/*.sql, the user's own copies
#          (config["download"]["local"])
# Outputs  <resources>/{file}: links into <resources>/downloads/, which no re-run deletes;
#          <resources>/datasets.lock.json: checksums first seen here


if config["survey"] == "archive":

    include: "helpers/archive.smk"

    localrules:
        download_dataset,
        query_hsc,

    rule download_dataset:
        """Download one file of an archive and verify it."""
        input:
            local=local_copy,
        output:
            path="<resources>/{file}",
        log:
            "<logs>/download_dataset/{file}.log",
        wildcard_constraints:
            file=any_of(REGISTRY.keys() - QUERIES.keys()),
        retries: 2
        conda:
            "../../envs/catalogues.yaml"
        resources:
            mem_mb=request(1000),
            runtime=request(720),
        params:
            row=lambda wildcards: REGISTRY[wildcards.file],
            timeout=config["download"]["timeout"],
            retries=config["download"]["retries"],
            wait=config["download"]["wait"],
            known_by=lambda wildcards: known_by(local_copy(wildcards)),
            code=code_hash("survey/download_dataset", "catalogues"),
        message:
            "Fetching {wildcards.file}"
        script:
            "../scripts/survey/download_dataset.py"

    rule query_hsc:
        """Submit the query to the HSC archive and keep the answer."""
        output:
            path="<resources>/{file}",
        log:
            "<logs>/query_hsc/{file}.log",
        wildcard_constraints:
            file=any_of(QUERIES),
        conda:
            "../../envs/catalogues.yaml"
        resources:
            mem_mb=request(1500),
            runtime=request(720),
        params:
            row=lambda wildcards: QUERIES[wildcards.file],
            sql=lambda wildcards: read_sql(QUERIES[wildcards.file]["name"]),
            client=config["download"]["hsc_client"],
            pieces=config["download"]["hsc_pieces"],
            retries=config["download"]["retries"],
            wait=config["download"]["wait"],
            code=code_hash("survey/query_hsc", "catalogues"),
        message:
            "Asking the HSC archive for {wildcards.file}"
        script:
            "../scripts/survey/query_hsc.py"


# One or two catalogues of the user's own in place of the archives: the source with photometric
# redshifts, the target with spectroscopic ones, described in config["custom"].
#
# Inputs   the files
# Outputs  <results>/catalogues/{source,target}.parquet and their cut flows


if config["survey"] == "custom":

    rule read_custom:
        """Read a catalogue of the section custom, and apply its cuts."""
        input:
            catalogue=described_path,
        output:
            table=catalogue("{role}"),
            cutflow=cutflow("{role}"),
        log:
            "<logs>/read_custom/{role}.log",
        benchmark:
            "<benchmarks>/read_custom/{role}.tsv"
        wildcard_constraints:
            role="source|target",
        conda:
            "../../envs/catalogues.yaml"
        resources:
            mem_mb=request(2000, per_input=2),
            runtime=request(10, per_input=0.05),
        params:
            bands=config["bands"],
            survey=described_catalogue,
            known_by=described_bytes,
            softening=config["softening"],
            magnitude=needed_magnitude(),
            code=code_hash("survey/read_custom", "catalogues"),
        message:
            "Reading the user's catalogue {params.survey[path]}"
        script:
            "../scripts/survey/read_custom.py"
