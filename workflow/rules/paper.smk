# Training at the paper's scale: every variant from openvla-7b, on the eight GPUs of one node. provenance.json is
# written last; a job that was stopped goes on from its last saved state.

SETTINGS = ["config/muvla/train.yaml", f"config/muvla/scale/{config['scale']}.yaml"]
GPUS = 8


rule train:
    input:
        base="hub/models/base.json",
        demonstrations=lambda wildcards: matrix.demonstrations(
            config, matrix.training_environments(config, wildcards.variant)
        ),
        settings=[*SETTINGS, "config/muvla/variant/{variant}.yaml"],
    output:
        f"{OUT}/{{again}}checkpoints/{{variant}}/provenance.json",
    log:
        f"{OUT}/{{again}}logs/train/{{variant}}.log",
    benchmark:
        f"{OUT}/{{again}}benchmarks/train/{{variant}}.tsv"
    threads: 64
    resources:
        **needs.gpu(GPUS),
        mem_mb=needs.growing(400000),
        # Partitions often end jobs after a day or two: the next attempt goes on.
        runtime=needs.growing(2880),
    params:
        base=lambda wildcards, input: Path(input.base).with_suffix(""),
        chunk=lambda wildcards: (
            f" scale.memory_training.chunk={CHUNKS[wildcards.again]}" if wildcards.again in CHUNKS else ""
        ),
        data=lambda wildcards, input: Path(input.demonstrations[0]).parent,
        environments=",".join(config["training_environments"]),
        folder=lambda wildcards, output: Path(output[0]).parent,
        gpus=GPUS,
        scale=config["scale"],
        seed=lambda wildcards: SEEDS.get(wildcards.again, SEEDS[""]),
    message:
        "Training {wildcards.variant}"
    shell:
        "torchrun --standalone --nproc-per-node={params.gpus} -m muvla.train variant={wildcards.variant}"
        " scale={params.scale} seed={params.seed} 'environments=[{params.environments}]' data={params.data}"
        " base={params.base} output={params.folder}{params.chunk} 2>&1 | workflow/scripts/show {log}"


# All four suites at once.
rule libero_train:
    input:
        base="hub/models/base.json",
        demonstrations=expand("hub/datasets/libero/{suite}_no_noops.json", suite=matrix.suites(config)),
        settings=[*SETTINGS, "config/muvla/variant/{variant}.yaml"],
    output:
        f"{OUT}/{{again}}libero/checkpoints/{{variant}}/provenance.json",
    log:
        f"{OUT}/{{again}}libero/logs/train/{{variant}}.log",
    benchmark:
        f"{OUT}/{{again}}libero/benchmarks/train/{{variant}}.tsv"
    threads: 64
    resources:
        **needs.gpu(GPUS),
        mem_mb=needs.growing(400000),
        runtime=needs.growing(2880),
    params:
        base=lambda wildcards, input: Path(input.base).with_suffix(""),
        data=lambda wildcards, input: Path(input.demonstrations[0]).parent,
        environments=lambda wildcards, input: ",".join(Path(one).stem for one in input.demonstrations),
        folder=lambda wildcards, output: Path(output[0]).parent,
        gpus=GPUS,
        scale=config["scale"],
        seed=lambda wildcards: SEEDS[wildcards.again],
    message:
        "Training {wildcards.variant} on LIBERO"
    shell:
        "torchrun --standalone --nproc-per-node={params.gpus} -m muvla.train variant={wildcards.variant}"
        " scale={params.scale} seed={params.seed} 'environments=[{params.environments}]' data={params.data}"
        " base={params.base} output={params.folder} 2>&1 | workflow/scripts/show {log}"
