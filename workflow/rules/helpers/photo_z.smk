# Files of the catalogue that the rules of photo_z.smk predict for, and of its answers; settings.

# Brings the module along when the workflow is deployed from a remote repository.
dict(with_imports("transferz/catalogues/partitions.py"))

from transferz.catalogues.partitions import is_dataset, partitions

CATALOGUE = config["predict"]["catalogue"]["path"]


@functools.cache
def partition_files():
    """Return the files of the catalogue by partition, or stop with what is wrong."""
    try:
        return partitions(CATALOGUE)
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def partition_file(wildcards):
    """Return the file of a partition, or the only one."""
    return (
        partition_files()[wildcards.partition] if is_dataset(CATALOGUE) else CATALOGUE
    )


def answer_name(many_suffix=""):
    """Return the pattern of the name of an answer: in a folder where there are many."""
    name = config["predict"]["name"]
    return f"{name}{many_suffix}/{{partition}}" if is_dataset(CATALOGUE) else name


def answers(wildcards):
    """Return the predictions for the whole catalogue."""
    return expand(rules.predict_catalogue.output, partition=partition_files())


def catalogue_description():
    """Return how to read the catalogue, without where it is: one more partition changes no other."""
    entry = config["predict"]["catalogue"]
    return brief(
        {key: entry[key] for key in entry if key != "path"}, "predict.catalogue"
    )


def tomography_settings():
    """Return the arguments of `tomography.Tomography`."""
    z_range = config["evaluation"]["z_range"]
    return brief(config["tomography"] | {"z_range": z_range}, "tomography")


# Cuts that objects other than galaxies have to pass as well; see selection.cuts.
PHOTOMETRIC_CUTS = ("HSC flags", "cmodel", "magnitudes", "magnitude errors")


def split_tables():
    """Return the split tables of the data sets of the run, by role."""
    return {role: f"<results>/splits/{role}.parquet" for role in roles()}


def known_objects(path):
    """Return a file that tells stars and quasars of the embedded survey, or nothing."""
    return path if config["survey"] == "embedded" else []
