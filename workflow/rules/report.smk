# The entry page, the summary paper, and what the HTML report shows.
#
# Inputs   figures, tables, claims, run_config.yaml
# Outputs  <results>/paper.pdf and where each of its numbers comes from, paper_numbers.csv;
#          index.html, spectra.html (the second study), pages/*.html
#
# After the run, for the HTML report:
#   snakemake --cores 1 --report results/report.html --report-stylesheet workflow/report/report.css


include: "helpers/report.smk"


localrules:
    write_index,
    write_page,
    write_paper,
    write_spectra_page,


wildcard_constraints:
    page=r"table\d|claims|tomography",


report: "../report/workflow.rst"


# One label each where a category may have two results: of two labels the report would make a switch
# out of the second, and fail.


rule write_paper:
    """Write the summary paper as a PDF."""
    input:
        table1="<results>/tables/table1.csv",
        table3="<results>/tables/table3.csv",
        cutflow="<results>/tables/table2.csv",
        claims="<results>/claims.csv",
        splits="<results>/splits/summary.csv",
        overlap="<results>/splits/overlap.csv",
        config="<results>/run_config.yaml",
        control=paper_control(),
        figures=paper_figures(),
        claims_file=project_file("config/claims.yaml"),
    output:
        pdf=report(
            "<results>/paper.pdf",
            caption="../report/paper.rst",
            category="1 Summary",
            labels={"Page": "Paper: this run in a few pages (PDF)"},
        ),
        numbers="<results>/paper_numbers.csv",
    log:
        "<logs>/write_paper.log",
    benchmark:
        "<benchmarks>/write_paper.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        inputs=input_names(),
        redshifts=redshift_kinds(),
        code=code_hash("report/write_paper", "plots"),
    message:
        "Writing the summary paper {output.pdf}"
    script:
        "../scripts/report/write_paper.py"


rule write_page:
    """Turn a table or the claims into an HTML page."""
    input:
        md=page_source,
        figure=page_figure,
    output:
        html=report(
            "<results>/pages/{page}.html",
            caption="../report/page.rst",
            category="4 Tables and claims",
            labels={"Page": "{page}"},
        ),
    log:
        "<logs>/write_page/{page}.log",
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        survey=config["survey"],
        code=code_hash("report/write_page", "plots"),
    message:
        "Writing {output.html}"
    script:
        "../scripts/report/write_page.py"


rule write_index:
    """Write the entry page: claims, figures and tables by question."""
    input:
        figures=all_figures(),
        tables=expand("<results>/tables/table{number}.md", number=[1, 2, 3]),
        claims_csv="<results>/claims.csv",
        claims="<results>/claims.md",
    output:
        html=report(
            "<results>/index.html",
            caption="../report/index.rst",
            category="1 Summary",
            labels={"Page": "Everything on one page"},
        ),
    log:
        "<logs>/write_index.log",
    benchmark:
        "<benchmarks>/write_index.tsv"
    conda:
        "../../envs/plots.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        questions=QUESTIONS,
        links=index_links(),
        others=OTHER_STUDIES,
        strategies=list(config["strategies"]),
        labels=config["labels"],
        redshifts=redshift_kinds(),
        survey=config["survey"],
        code=code_hash("report/write_index", "plots"),
    message:
        "Writing the entry page {output.html}"
    script:
        "../scripts/report/write_index.py"


use rule write_index as write_spectra_page with:
    input:
        figures=spectra_figures("png"),
        tables=["<results>/tables/spectra_heads.md"],
        claims_csv="<results>/spectra/claims.csv",
        claims="<results>/spectra/claims.md",
    output:
        html=report(
            "<results>/spectra.html",
            caption="../report/spectra.rst",
            category="5 The second study",
            labels={"Page": "Redshifts from spectra: figures, tables, claims"},
        ),
    log:
        "<logs>/write_spectra_page.log",
    benchmark:
        "<benchmarks>/write_spectra_page.tsv"
    params:
        questions=SPECTRA_QUESTIONS,
        links={"All of the paper": "index.html"},
        others={},
        strategies=[],
        labels=config["labels"],
        redshifts=redshift_kinds(),
        survey=config["survey"],
        code=code_hash("report/write_index", "plots"),
    message:
        "Writing the page of the second study, {output.html}"


rule pages:
    """The summary paper and all HTML pages."""
    input:
        rules.write_spectra_page.output if config["survey"] == "embedded" else [],
        rules.write_paper.output,
        rules.write_index.output,
        expand(
            rules.write_page.output,
            page=["table1", "table2", "table3", "claims", "tomography"],
        ),


# What a run was: configuration, versions, git revision.
#
# Inputs   none
# Outputs  <results>/run_config.yaml


localrules:
    write_run_config,


rule write_run_config:
    """Write the resolved configuration, versions and git revision of the run."""
    output:
        run_config="<results>/run_config.yaml",
    log:
        "<logs>/write_run_config.log",
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=request(1000),
        runtime=request(10),
    params:
        config=config,
        revision=git_revision(),
        code=code_hash("report/write_run_config", "training"),
    message:
        "Writing the resolved configuration"
    script:
        "../scripts/report/write_run_config.py"
