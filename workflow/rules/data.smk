# Demonstrations, and the checkpoints that come along.

DATASETS = {dataset_name(environment): environment for environment in matrix.demonstrated(config)}
DEMONSTRATIONS = matrix.demonstrations(config, config["training_environments"])


rule pull:
    input:
        tracked="data.dvc",
        manifest="config/checkpoints.sha256",
    output:
        touch("checkpoints/mini.verified"),
    log:
        f"{OUT}/logs/pull.log",
    benchmark:
        f"{OUT}/benchmarks/pull.tsv"
    # A download: nodes of a cluster may not reach the network, and the folder is shared.
    localrule: True
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        folder=lambda wildcards, output: Path(output[0]).with_suffix(""),
    message:
        "Pulling the trained policies out of dvcstore/ and checking their SHA-256"
    shell:
        "workflow/scripts/pull {input.tracked} {params.folder} {input.manifest} 2>&1 | workflow/scripts/show {log}"


rule collect:
    input:
        settings="config/muvla/collect.yaml",
    output:
        # written last; the demonstrations are beside it, in <dataset>/1.0.0
        f"{OUT}/data/{{dataset}}/collection.json",
    log:
        f"{OUT}/logs/collect/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/collect/{{dataset}}.tsv"
    threads: 2
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(6000),
        runtime=needs.growing(120),
    params:
        environment=lambda wildcards: DATASETS[wildcards.dataset],
        episodes=config["demonstrations"],
        folder=lambda wildcards, output: Path(output[0]).parents[1],
    message:
        "Collecting {params.episodes} demonstrations of {params.environment} with the scripted expert"
    shell:
        "python -m muvla.collect environment={params.environment} episodes={params.episodes}"
        " output={params.folder} processes={threads} 2>&1 | workflow/scripts/show {log}"
