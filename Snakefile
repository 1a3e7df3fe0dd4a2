# The targets people type, and the stages in the order in which they run:
#   snakemake                                    everything: every table and figure, probes, LIBERO, provenance
#   snakemake results/table_mikasa.tex           the paper's Table 1 at this scale
#   snakemake results/paper.pdf                  every table, the comparisons and the audit; results/tables.html alike
#   snakemake results/site/index.html            the project page; results/site.zip, to put it on any static host
#   snakemake results/claims.md                  the paper's claims, decided on the records
#   snakemake results/audit.md                   does what the paper prints add up?
#   snakemake results/leaderboard.json           MIKASA's standard five in the format of vla-eval's leaderboard
#   snakemake results/probes/cue_swap.json       is the cue misread, or forgotten?
#   ... --config records=measured                the same, with every policy evaluated on this machine
#   ... --config checkpoints=trained             the same, with every policy trained from nothing
#   ... --configfile config/smoke.yaml           the same, tiny
#   ... --config scale=paper                     the paper's matrix; on a cluster: --profile slurm
#   ... --directory elsewhere                    results in another folder
# Put -n before any of them to see what would run.


include: "workflow/rules/common.smk"  # configuration, names, cells


# With --software-deployment-method apptainer every rule runs inside this image.
container: IMAGE


include: "workflow/rules/data.smk"  # bundled checkpoints, demonstrations
include: "workflow/rules/hub.smk"  # what the paper's scale downloads
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/served.smk"
include: "workflow/rules/cue_swap.smk"
include: "workflow/rules/traces.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/drawings.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/site_viewer.smk"
include: "workflow/rules/site.smk"


# Reports take seconds: they are made where Snakemake runs, also when the rest are Slurm jobs.
localrules:
    table,
    sample,
    comparisons,
    claims,
    leaderboard,
    audit,
    figure_effect,
    figure_probes,
    figure_memory_dynamics,
    figure_attention,
    figure_cosine_rollout,
    figure_architecture,
    figure_method,
    figure_masks,
    paper_source,
    paper,
    provenance,
    site,
    site_viewer,
    site_zip,
    archive,


# After a Snakemake that was killed: `snakemake --unlock`, then the same call again.
onstart:
    start()


# Everything that the paper shows, at this scale. `make table` asks for the first table and the picture of the effect only.
rule all:
    default_target: True
    input:
        expand(f"{OUT}/{{table}}.tex", table=TABLES),
        f"{OUT}/comparisons.md",
        f"{OUT}/audit.md",
        f"{OUT}/tables.html",
        expand(f"{OUT}/{{name}}", name=["provenance.html", "ro-crate.zip", "site/index.html"] if EVALUATED else []),
        f"{OUT}/site/viewer.html",
        f"{OUT}/claims.md",
        [f"{OUT}/sample.md"] if SAMPLE else [],
        TRACES_AND_PROBES,
        AGAIN,
        LIBERO_EVALUATED,
