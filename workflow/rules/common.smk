# Shared by the stages: configuration, commands, names of files, and the lists of cells.
import json
import os
import shlex
import sys
from pathlib import Path

from muvla import files
from muvla.data.episode import dataset_name
from muvla.jobs import batches, bundled, configuration, duration, image_digest, marks, matrix, overrides, recorded
from muvla.jobs import served, shown, slurm, traces, trainings
from muvla.jobs.resources import Needs
from muvla.report.site import assets

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parents[1]
if ROOT != files.ROOT and workflow.is_main_process:
    print(
        f"The rules are of {ROOT}, the installed muvla is of {files.ROOT} and reads the files there", file=sys.stderr
    )


def in_tree(path):
    """Return a file of the source tree as seen from the working directory: as it stands, unless --directory is given."""
    return os.path.relpath(ROOT / path)


try:  # before Snakemake does, which would end in its own insides
    files.make_writable(".snakemake")
except OSError as error:
    raise WorkflowError(f"{error.strerror or error} (--directory)") from None


configfile: in_tree("config/config.yaml")
configfile: in_tree("config/site.yaml")


if config["scale"] == "paper":

    configfile: in_tree("config/paper.yaml")


config = configuration.validated(config, in_tree("workflow/schemas/config.schema.yaml"))

# An unpacked archive is no git repository, which DVC expects unless it is told so.
if not (ROOT / ".git").exists():
    os.environ.setdefault("DVC_SYSTEM_CONFIG_DIR", str(ROOT / "workflow/dvc_without_git"))

PYTHON = shlex.quote(sys.executable)
SHOW = shlex.quote(in_tree("workflow/scripts/show"))
os.environ.update(TQDM_MININTERVAL="5")  # seconds; progress is shown as lines (workflow/scripts/show)

needs = Needs(config)
SERVINGS = served.servings(config, ROOT / "config/policies")  # other people's policies
IMAGE, EVALUATION_IMAGE = (
    image if "://" in image else in_tree(image)
    for image in (config["site"]["image"], config["site"]["paper_image" if needs.paper else "image"])
)
if workflow.deployment_settings.deployment_method:
    PYTHON = "python"  # the image's own
    images = [in_tree(one.entry["image"]) for one in SERVINGS if one.entry["image"]]
    image_digest.announce([IMAGE, EVALUATION_IMAGE, *images])
    # An image holds the packages but not muvla: inside, Python finds the one of this source tree here.
    os.environ.update(APPTAINERENV_PYTHONPATH=str(ROOT / "workflow"))


def python(command):
    """Return the shell command of `python -m <command>`, shown in the terminal and kept in {log}."""
    return f"{PYTHON} -m {command} 2>&1 | {SHOW} {{log}}"


OUT = config["outputs"]
TRAINED = config["checkpoints"] == "trained"
SEEDS = matrix.seeds(config)
EFFECT = {"environment": config["effect"]["environments"][0], "memory": config["effect"]["memory"]}  # drawn, swapped
# An evaluation's files: <cell>.jsonl with the records, <cell>.done with the mark that they are complete.
CELL = f"{OUT}/{{home}}records/{{kind}}/{{variant}}/{{environment}}"
MEASURED = config["checkpoints"]  # {kind} of what is evaluated on this machine


# {home} is empty for the first training seed, seed1/ for seed 1, chunk16/ for policies that predict 16 actions, each
# followed by libero/ for LIBERO: their files lie apart, under the same names.
wildcard_constraints:
    home=bundled.HOME,
    variant="(?!base/)[a-z][a-z0-9_]*",
    environment="[A-Z][A-Za-z0-9]*|libero_[a-z0-9]+/[0-9]+",
    dataset="[a-z][a-z0-9_]*",
    name="[a-z][a-z0-9_]*",
    part="[a-z][a-z0-9_]*",
    table="table_[a-z_]+",


def checkpoint_of(variant, home=""):
    """Return matrix.checkpoint with its paths as seen from the working directory."""
    found = matrix.checkpoint(config, variant, home)
    if found.source == "trained":
        return found
    paths = {name: in_tree(getattr(found, name)) for name in ("folder", "complete", "provenance")}
    return found._replace(**paths)


def training_data(variant, home):
    """Return trainings.data with its paths as seen from the working directory."""
    found = trainings.data(config, variant, home)
    return [in_tree(path) for path in found] if needs.paper else found


def training_settings(variant, home):
    """Return the configuration files of a training."""
    return [in_tree(path) for path in trainings.settings(config, variant, home)]


# What the templates of documents are made of; those of the tables and of the report stand in their rules.
DOCUMENT = [
    *expand(in_tree("paper/templates/document.{kind}.jinja"), kind=["md", "html", "tex"]),
    in_tree("paper/templates/style.html.jinja"),
]


TRACES = traces.wanted(config)


def traces_of(variant, environment, kind="npz"):
    """Return the files of the episodes that are traced, in the order of their seeds."""
    seeds = traces.seeds(config, environment, TRACES[variant, environment])
    return [f"{OUT}/traces/{variant}/{environment}/{seed}.{kind}" for seed in seeds]


def first_trace(wildcards):
    """Return the episode that the figures show."""
    return traces_of(wildcards.variant, wildcards.environment)[0]


def kind_of(cell):
    """Return the {kind} of what tables show of our policies."""
    return "bundled" if recorded.shown(config, cell.home) else MEASURED


def mark_of(cell, kind=None):
    """Return the mark of a finished evaluation."""
    return CELL.format(kind=kind or kind_of(cell), **cell._asdict()) + (cell.control and f".{cell.control}") + ".done"


def marks_of(cells, kind=None):
    """Return the marks of finished evaluations; of records that come along, those that do."""
    return [
        mark_of(cell, kind) for cell in cells if (kind or kind_of(cell)) != "bundled" or cell in bundled.records()
    ]


# What the tables show: other people's policies, and ours. The paper's claims are about ours only.
SERVED = marks_of((cell for one in SERVINGS if not one.on_libero for cell in one.cells), MEASURED)
LIBERO_SERVED = marks_of((cell for one in SERVINGS if one.on_libero for cell in one.cells), MEASURED)
TABLE_CELLS = marks_of(matrix.of_every_seed(config, matrix.table(config)))
EFFECT_CELLS = marks_of(matrix.of_every_seed(config, shown.effect_cells(config)))
PROBE_CELLS = marks_of(matrix.of_every_seed(config, shown.probes(config)))
# Every evaluation of the first training seed; those of the other seeds, and of policies with longer chunks.
EVALUATED = marks_of(matrix.first_seed(config))
AGAIN = marks_of(matrix.repeated(config))
LIBERO_TABLE = marks_of(cell for home in SEEDS for cell in matrix.libero_table(config, home))
LIBERO_EVALUATED = marks_of(cell for home in SEEDS for cell in matrix.libero_cells(config, home))

# What is evaluated again on this machine where records come along, as recorded and as evaluated here.
SAMPLED = {cell: mark_of(cell, "sample") for cell in recorded.sample(config)}
SAMPLE, LIBERO_SAMPLE = (
    [mark for cell in SAMPLED for mark in (mark_of(cell), SAMPLED[cell]) if matrix.on_libero(cell.home) == libero]
    for libero in (False, True)
)

EDITED = {}  # {mark: what is wrong} of records that were changed after their evaluation
if workflow.is_main_process and "--unlock" not in sys.argv:
    OURS = [*EVALUATED, *AGAIN, *LIBERO_EVALUATED, *SAMPLED.values()]
    STALE, EDITED = marks.faults([*OURS, *SERVED, *LIBERO_SERVED])
    for line in [*marks.remove(STALE, dry_run=workflow.output_settings.dryrun), *EDITED.values()]:
        print(line, file=sys.stderr)


def start():
    """Refuse edited records that a job needs; pick the Slurm status command; refuse or cancel orphaned jobs."""
    for line in duration.announcement(config, workflow.dag.needrun_jobs(), workflow.cores):
        print(line, file=sys.stderr)
    marks.require_unedited(EDITED, {file for job in workflow.dag.jobs for file in [*job.input, *job.output]})
    if slurm.detect_status_command(workflow.executor_settings):
        print("Slurm keeps no accounts here: using squeue for job status", file=sys.stderr)
    if config["orphaned_jobs"] == "refuse":
        slurm.require_no_orphans(Path.cwd())
    elif jobs := slurm.cancel_orphans(Path.cwd()):
        print(f"Cancelled what an earlier call left in the queue: {', '.join(jobs)}", file=sys.stderr)
