# The checkpoints that come along, and demonstrations of scripted experts.

DATASETS = {dataset_name(environment): environment for environment in trainings.demonstrated(config)}


rule pull:
    input:
        tracked=in_tree("data.dvc"),
        manifest=in_tree("config/checkpoints.sha256"),
    output:
        touch(in_tree("checkpoints/mini.verified")),
    log:
        f"{OUT}/logs/pull.log",
    # A download: nodes of a cluster may not reach the network, and the folder is shared.
    localrule: True
    params:
        script=in_tree("workflow/scripts/pull"),
        folder=lambda wildcards, output: Path(output[0]).with_suffix(""),
    message:
        "Pulling the trained policies out of dvcstore/ and checking their SHA-256"
    shell:
        f"{{params.script}} {PYTHON} {{input.tracked}} {{params.folder}} {{input.manifest}} 2>&1 | {SHOW} {{log}}"


if recorded.shown(config) and bundled.records():

    rule unpack:
        input:
            rules.pull.output[0],
            listing=in_tree("config/records.csv"),
        output:
            [mark_of(matrix.Cell(*key)) for key in bundled.records()],
        log:
            f"{OUT}/logs/unpack.log",
        localrule: True
        message:
            "Unpacking the records of the trained policies"
        shell:
            python(f"muvla.jobs.pack --unpack {OUT}")


rule collect:
    output:
        # written last; the demonstrations are beside it, in <dataset>/1.0.0
        f"{OUT}/data/{{dataset}}/collection.json",
    log:
        f"{OUT}/logs/collect/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/collect/{{dataset}}.tsv"
    threads: 2
    resources:
        mem_mb=needs.growing(6000),
        runtime=needs.growing(120),
    params:
        environment=lambda wildcards: DATASETS[wildcards.dataset],
        overrides=lambda wildcards, output: overrides.collection(
            config, DATASETS[wildcards.dataset], output=str(Path(output[0]).parents[1])
        ),
    message:
        "Collecting demonstrations of {params.environment} with the scripted expert"
    shell:
        python("muvla.collect {params.overrides:q} processes={threads}")
