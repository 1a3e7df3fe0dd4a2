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
        mark=in_tree("hub/models/{name}.json"),
        tracked=in_tree("hub/models/{name}.dvc"),
    log:
        in_tree("hub/logs/{name}.log"),
    localrule: True
    params:
        repository=lambda wildcards: SOURCES[wildcards.name],
        folder=in_tree("hub/models/{name}"),
        options="",
        root=in_tree("."),
        tracked="hub/models/{name}",
    message:
        "Fetching {params.repository} from the Hub"
    shell:
        f"( {PYTHON} -m muvla.hub fetch {{params.repository}} {{params.folder}}{{params.options}} --mark {{output.mark}}"
        f" && {PYTHON} -m dvc --cd {{params.root}} --wait-for-lock add --quiet {{params.tracked}} ) 2>&1 | {SHOW} {{log}}"


# One environment or suite a job: only what the matrix needs.
use rule fetch_model as fetch_dataset with:
    output:
        mark=in_tree("hub/datasets/{name}/{part}.json"),
        tracked=in_tree("hub/datasets/{name}/{part}.dvc"),
    log:
        in_tree("hub/logs/{name}/{part}.log"),
    params:
        repository=lambda wildcards: SOURCES[wildcards.name],
        folder=in_tree("hub/datasets/{name}"),
        options=" --dataset --only {part}",
        root=in_tree("."),
        tracked="hub/datasets/{name}/{part}",
