# What a run was: configuration, versions, git revision.
#
# Inputs   none
# Outputs  <results>/run_config.yaml


localrules:
    write_run_config,


rule write_run_config:
    output:
        "<results>/run_config.yaml",
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
        code=code_hash("write_run_config", "training"),
    message:
        "Writing the resolved configuration"
    script:
        "../scripts/write_run_config.py"
