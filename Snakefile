# The rooms of the workflow, and the targets people type:
#   snakemake                                    everything: the table, the effect, the picture
#   snakemake results/table_mikasa.tex           the paper's Table 1 at this scale
#   snakemake results/probes/cue_swap.json       grounding trouble or memory trouble?
#   ... --config checkpoints=trained             the same, with every policy made from nothing
#   ... --configfile config/smoke.yaml           the same, tiny
# Put -n before any of them to see what would run.
import os
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow")
from muvla import matrix
from muvla.data.episode import dataset_name


configfile: "config/config.yaml"


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
CHECKPOINTS = f"{OUT}/checkpoints" if config["checkpoints"] == "trained" else "checkpoints/mini"
RECORDS = f"{OUT}/records/{config['checkpoints']}"  # apart, for a table shows one checkpoint a variant


wildcard_constraints:
    variant="(?!base/)[a-z][a-z0-9_]*",
    environment="[A-Z][A-Za-z0-9]*",
    control="[a-z][a-z0-9_]*",
    dataset="[a-z][a-z0-9_]*",


# Machines without the environment can run the rules in the image: --software-deployment-method apptainer.
container: "containers/muvla.sif"


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        f"{OUT}/table_mikasa.tex",
        f"{OUT}/effect.md",
        f"{OUT}/figures/memory_effect.png",
        # The probe needs demonstrations, which the released checkpoints do without.
        [f"{OUT}/probes/cue_swap.json"] if config["checkpoints"] == "trained" else [],
