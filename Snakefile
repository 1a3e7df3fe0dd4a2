# The rooms of the workflow, and the targets people type:
#   snakemake                                    everything: every table and figure, probes, LIBERO, provenance
#   snakemake results/table_mikasa.tex           the paper's Table 1 at this scale
#   snakemake results/paper.pdf                  every table, the comparisons and the audit; results/tables.html alike
#   snakemake results/audit.md                   does what the paper prints add up?
#   snakemake results/probes/cue_swap.json       grounding trouble or memory trouble?
#   ... --config checkpoints=trained             the same, with every policy made from nothing
#   ... --configfile config/smoke.yaml           the same, tiny
#   ... --config scale=paper                     the paper's matrix; on a cluster: --profile slurm
# Put -n before any of them to see what would run.
import os
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow")
from muvla.jobs import accounts, image_digest, matrix, orphans
from muvla.data.episode import dataset_name
from muvla.jobs.resources import Needs


configfile: "config/config.yaml"
configfile: "config/site.yaml"


if config["scale"] == "paper":

    configfile: "config/paper.yaml"


# The rules call `python -m muvla...`: in the Python that runs Snakemake, with this library, whatever is activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    PYTHONPATH=sys.path[0],
    TQDM_MININTERVAL="5",  # seconds; progress is shown as lines (workflow/scripts/show)
)

try:
    matrix.validated(config, "workflow/schemas/config.schema.yaml")
except ValueError as error:
    raise WorkflowError(str(error))

OUT = config["outputs"]
RECORDS = f"{OUT}/records/{config['checkpoints']}"  # apart, for a table shows one checkpoint a variant
SEEDS = matrix.seeds(config)
CHUNKS = matrix.longer_chunks(config)
needs = Needs(config)
if workflow.deployment_settings.deployment_method:
    image_digest.announce([config["site"]["image"], config["site"]["paper_image"]])


# `again` is empty for the first training seed, "seed1/" for the seed 1, "chunk16/" for policies that predict 16 actions:
# their files lie apart, under the same names.
wildcard_constraints:
    again="((seed|chunk)[0-9]+/)?",
    variant="(?!base/)[a-z][a-z0-9_]*",
    environment="[A-Z][A-Za-z0-9]*",
    control="[a-z][a-z0-9_]*",
    dataset="(?!libero_)[a-z][a-z0-9_]*",
    libero_dataset="libero_[a-z0-9_]+",
    task="libero_[a-z0-9]+/[0-9]+",
    name="[a-z][a-z0-9_]*",
    part="[a-z][a-z0-9_]*",
    table="table_[a-z_]+",


# With --software-deployment-method apptainer every rule runs inside this image.
container: config["site"]["image"]


include: "workflow/rules/data.smk"
include: "workflow/rules/hub.smk"
include: ("workflow/rules/paper.smk" if needs.paper else "workflow/rules/train.smk")
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/libero.smk"


if not needs.paper:

    include: "workflow/rules/libero_train.smk"


include: "workflow/rules/probe.smk"
include: "workflow/rules/traces.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"


# After a Snakemake that was killed: `snakemake --unlock`, then the same call again.
onstart:
    if accounts.ask_whoever_knows(workflow.executor_settings):
        print("Slurm keeps no accounts here: squeue is asked how jobs ended", file=sys.stderr)
    if jobs := orphans.cancel(Path.cwd()):
        print(f"Cancelled what an earlier call left in the queue: {', '.join(jobs)}", file=sys.stderr)


# Everything that the paper shows, at this scale. `make table` asks for the first table and the effect only.
rule all:
    default_target: True
    input:
        expand(f"{OUT}/{{table}}.tex", table=TABLES),
        f"{OUT}/comparisons.md",
        f"{OUT}/audit.md",
        f"{OUT}/tables.html",
        f"{OUT}/provenance.html",
        [f"{OUT}/effect.md"] if matrix.has_effect(config) else [],
        [f"{OUT}/figures/probes.md"] if PROBE_CELLS else [],
        TRACES_AND_PROBES,
        AGAIN,
        LIBERO_AGAIN,
