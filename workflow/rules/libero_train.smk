# LIBERO at the mini scale: demonstrations of scripted experts, one base, and the variants from it.

LIBERO_DATASETS = {dataset_name(task): task for task in LIBERO["tasks"]}
LIBERO_DEMONSTRATIONS = matrix.demonstrations(config, LIBERO["tasks"])
LIBERO_SCALE = {"mini": "libero", "smoke": "libero_smoke"}.get(config["scale"], config["scale"])


rule collect_libero:
    input:
        settings="config/muvla/collect.yaml",
    output:
        f"{OUT}/data/{{libero_dataset}}/collection.json",
    log:
        f"{OUT}/logs/collect/{{libero_dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/collect/{{libero_dataset}}.tsv"
    threads: 2
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(6000),
        runtime=needs.growing(120),
    params:
        task=lambda wildcards: LIBERO_DATASETS[wildcards.libero_dataset],
        episodes=LIBERO["demonstrations"],
        folder=lambda wildcards, output: Path(output[0]).parents[1],
    message:
        "Collecting {params.episodes} demonstrations of {params.task} with the scripted expert"
    shell:
        "python -m muvla.collect environment={params.task} episodes={params.episodes} noise=0.35 quiet_distance=0.03"
        " hold_steps=0 shards=1 output={params.folder} processes={threads} 2>&1 | workflow/scripts/show {log}"


rule libero_base:
    input:
        demonstrations=LIBERO_DEMONSTRATIONS,
        settings=[f"config/muvla/scale/{LIBERO_SCALE}.yaml", "config/muvla/variant/base.yaml"],
    output:
        f"{LIBERO_HOME}/checkpoints/base/provenance.json",
    log:
        f"{LIBERO_HOME}/logs/train/base.log",
    benchmark:
        f"{LIBERO_HOME}/benchmarks/train/base.tsv"
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(8000),
        runtime=needs.growing(120),
    params:
        data=lambda wildcards, input: Path(input.demonstrations[0]).parents[1],
        environments=",".join(LIBERO["tasks"]),
        folder=lambda wildcards, output: Path(output[0]).parent,
        scale=LIBERO_SCALE,
        seed=lambda wildcards: SEEDS[wildcards.again],
    message:
        "Training the base of the LIBERO policies"
    shell:
        "python -m muvla.train variant=base scale={params.scale} seed={params.seed}"
        " 'environments=[{params.environments}]' data={params.data} output={params.folder}"
        " 2>&1 | workflow/scripts/show {log}"


# The records of the policy that is made anew answer no question any more; they are kept, out of the table's way.
rule libero_train:
    input:
        base=f"{LIBERO_HOME}/checkpoints/base/provenance.json",
        demonstrations=LIBERO_DEMONSTRATIONS,
        settings=[f"config/muvla/scale/{LIBERO_SCALE}.yaml", "config/muvla/variant/{variant}.yaml"],
    output:
        f"{LIBERO_HOME}/checkpoints/{{variant}}/provenance.json",
    log:
        f"{LIBERO_HOME}/logs/train/{{variant}}.log",
    benchmark:
        f"{LIBERO_HOME}/benchmarks/train/{{variant}}.tsv"
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(8000),
        runtime=needs.growing(240),
    params:
        base=lambda wildcards, input: Path(input.base).parent,
        data=lambda wildcards, input: Path(input.demonstrations[0]).parents[1],
        environments=",".join(LIBERO["tasks"]),
        folder=lambda wildcards, output: Path(output[0]).parent,
        records=f"{LIBERO_RECORDS}/{{variant}}",
        scale=LIBERO_SCALE,
        seed=lambda wildcards: SEEDS[wildcards.again],
        superseded=f"{LIBERO_HOME}/superseded",
    message:
        "Training {wildcards.variant} on LIBERO"
    shell:
        "[ ! -d {params.records} ] || {{ mkdir -p {params.superseded};"
        " mv {params.records} {params.superseded}/{wildcards.variant}.$(date +%Y%m%dT%H%M%S); }};"
        " python -m muvla.train variant={wildcards.variant} scale={params.scale} seed={params.seed}"
        " 'environments=[{params.environments}]' data={params.data} base={params.base} output={params.folder}"
        " 2>&1 | workflow/scripts/show {log}"
