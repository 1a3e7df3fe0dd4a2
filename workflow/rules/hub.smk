# What the paper's scale takes from the Hugging Face Hub, at the revisions that config/paper.yaml pins: downloaded and
# verified by muvla.hub, then handed to DVC, so that a lab's other machines `dvc pull` it from the lab's own remote.

HUB = config.get("hub", {"checkpoints": {}})
SOURCES = {  # owner/name@revision; muvla.hub refuses an empty revision and says how to pin one
    name: f"{one['repository']}@{one['revision'] or ''}"
    for name, one in {**HUB, **HUB["checkpoints"]}.items()
    if name != "checkpoints"
}


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
        source=lambda wildcards: SOURCES[wildcards.name],
        folder="hub/models/{name}",
        options="",
        tracked=lambda wildcards, output: Path(output.tracked).with_suffix(""),
    message:
        "Fetching {params.source} from the Hub"
    shell:
        "( python -m muvla.hub fetch {params.source} {params.folder}{params.options} --mark {output.mark}"
        " && dvc --wait-for-lock add --quiet {params.tracked} ) 2>&1 | workflow/scripts/show {log}"


# One environment or suite a job: only what the matrix needs.
use rule fetch_model as fetch_dataset with:
    output:
        mark="hub/datasets/{name}/{part}.json",
        tracked="hub/datasets/{name}/{part}.dvc",
    log:
        "hub/logs/{name}/{part}.log",
    params:
        source=lambda wildcards: SOURCES[wildcards.name],
        folder="hub/datasets/{name}",
        options=" --dataset --only {part}",
        tracked=lambda wildcards, output: Path(output.tracked).with_suffix(""),
