# What the paper's scale takes from the Hugging Face Hub: pinned in config/hub.lock.json at the first download, checked
# by size and SHA-256, then handed to DVC, so that a lab's other machines `dvc pull` it from the lab's own remote.

HUB = {**config["hub"]["checkpoints"], "base": config["hub"]["base"]} if "hub" in config else {}
DATASETS_OF = {"mikasa": config["hub"]["mikasa"], "libero": config["hub"]["libero"]} if "hub" in config else {}
HUB_LOCK = "config/hub.lock.json"


rule fetch_model:
    output:
        mark="hub/models/{name}.json",
        tracked="hub/models/{name}.dvc",
    log:
        "hub/logs/{name}.log",
    localrule: True
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(2000),
        runtime=needs.growing(240),
    params:
        folder=lambda wildcards, output: Path(output.mark).with_suffix(""),
        lock=HUB_LOCK,
        repository=lambda wildcards: HUB[wildcards.name],
    message:
        "Fetching {params.repository} from the Hub"
    shell:
        "( python -m muvla.hub {params.repository} {params.folder} --lock {params.lock} --mark {output.mark}"
        " && dvc --wait-for-lock add --quiet {params.folder} ) 2>&1 | workflow/scripts/show {log}"


# One environment or suite a job: only what the matrix needs.
rule fetch_dataset:
    output:
        mark="hub/datasets/{name}/{part}.json",
        tracked="hub/datasets/{name}/{part}.dvc",
    log:
        "hub/logs/{name}/{part}.log",
    localrule: True
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(2000),
        runtime=needs.growing(60),
    params:
        folder=lambda wildcards, output: Path(output.mark).parent,
        lock=HUB_LOCK,
        repository=lambda wildcards: DATASETS_OF[wildcards.name],
    message:
        "Fetching {wildcards.part} of {params.repository} from the Hub"
    shell:
        "( python -m muvla.hub --dataset {params.repository} {params.folder} --only {wildcards.part}"
        " --lock {params.lock} --mark {output.mark}"
        " && dvc --wait-for-lock add --quiet {params.folder}/{wildcards.part} ) 2>&1 | workflow/scripts/show {log}"
