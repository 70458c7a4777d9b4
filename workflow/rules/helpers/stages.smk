# The stages of a run, which goes first where two can, and their lines on the terminal. A stage is a
# file in workflow/rules; this one is included after all of them.

from snakemake.logging import logger

# Brings the module along when the workflow is deployed from a remote repository.
dict(with_imports("transferz/run/terminal.py"))

from transferz.run.terminal import show_stages

# The paper's figures, tables and claims come first, with all that they are made from; then what
# looks at them; the study of spectra, the longest, is last.
PRIORITIES = {"networks": 2, "evaluation": 2, "spectra": 0}
OTHER_PRIORITY = 1
# Time that a network takes to train on a data set, in the default run, relative to the source.
TRAINING_TIME = {"source": 1.0, "target": 0.65, "combo": 1.9}
CATALOGUES = (
    *("simulate_survey", "download_dataset", "query_hsc", "read_custom"),
    *("crossmatch", "select_transferz", "clean_galaxiesml", "split"),
)


def stages():
    """Return the stage of each rule, its file in workflow/rules, by the name of the rule."""
    files = {each.name: Path(str(each.snakefile)) for each in workflow.rules}
    return {
        name: file.stem for name, file in files.items() if file.parent.name == "rules"
    }


def prioritise():
    """Give each rule the priority of its stage, and the catalogues that of the networks."""
    for name, stage in stages().items():
        priority = PRIORITIES.get(
            "networks" if name in CATALOGUES else stage, OTHER_PRIORITY
        )
        workflow.get_rule(name).priority = priority


def training_shares():
    """Return how much longer than the mean a training job of each strategy takes."""
    seconds = {
        name: TRAINING_TIME[entry_of(name)["train_on"]]
        * (entry_of(name).get("seeds") or config["seeds"]["count"])
        / len(models_of(name))
        for name in calibrated()
    }
    jobs = sum(len(models_of(name)) for name in seconds)
    mean = sum(seconds[name] * len(models_of(name)) for name in seconds) / jobs
    return {name: value / mean for name, value in seconds.items()}


def wants_stages(output):
    """Return whether lines of stages take the place of Snakemake's own lines on the terminal.

    A dry-run lists its jobs. Who gives --verbose or --quiet gets what Snakemake has for it, and
    from `--quiet host` all that it says of its jobs. A project that uses this workflow as a module
    has jobs of its own.
    """
    own = output.dryrun or output.verbose or output.quiet
    is_main = workflow.is_main_process and workflow.modifier.is_main_snakefile()
    return is_main and not own


# The errors of the jobs are the last lines of a run (onerror); jobs need not print them as well.
if workflow.modifier.is_main_snakefile():
    os.environ.setdefault("TRANSFERZ_ERRORS", "last")

prioritise()

if wants_stages(workflow.output_settings):
    show_stages(logger, stages(), {"train": training_shares()})
