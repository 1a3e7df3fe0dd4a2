# One base in fully visible scenes, then every variant from it. provenance.json is written last.

SETTINGS = ["config/muvla/train.yaml", f"config/muvla/scale/{config['scale']}.yaml"]


rule base:
    input:
        demonstrations=DEMONSTRATIONS,
        settings=[*SETTINGS, "config/muvla/variant/base.yaml"],
    output:
        f"{OUT}/{{again}}checkpoints/base/provenance.json",
    log:
        f"{OUT}/{{again}}logs/train/base.log",
    benchmark:
        f"{OUT}/{{again}}benchmarks/train/base.tsv"
    threads: 2
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(8000),
        runtime=needs.growing(120),
    params:
        data=lambda wildcards, input: Path(input.demonstrations[0]).parents[1],
        environments=",".join(config["training_environments"]),
        folder=lambda wildcards, output: Path(output[0]).parent,
        scale=config["scale"],
        seed=lambda wildcards: SEEDS[wildcards.again],
    message:
        "Training the base that every variant starts from"
    shell:
        # Two threads on any machine: their number decides the order of sums, and so the bytes.
        "python -m muvla.train variant=base scale={params.scale} seed={params.seed} threads=2"
        " 'environments=[{params.environments}]' data={params.data} output={params.folder}"
        " 2>&1 | workflow/scripts/show {log}"


# The records of the policy that is made anew answer no question any more; they are kept, out of the table's way.
rule train:
    input:
        base=f"{OUT}/{{again}}checkpoints/base/provenance.json",
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
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(8000),
        runtime=needs.growing(240),
    params:
        base=lambda wildcards, input: Path(input.base).parent,
        data=lambda wildcards, input: Path(input.demonstrations[0]).parents[1],
        environments=",".join(config["training_environments"]),
        folder=lambda wildcards, output: Path(output[0]).parent,
        records=f"{OUT}/{{again}}records/{config['checkpoints']}/{{variant}}",
        scale=config["scale"],
        seed=lambda wildcards: SEEDS[wildcards.again],
        superseded=f"{OUT}/{{again}}superseded",
    message:
        "Training {wildcards.variant}"
    shell:
        "[ ! -d {params.records} ] || {{ mkdir -p {params.superseded};"
        " mv {params.records} {params.superseded}/{wildcards.variant}.$(date +%Y%m%dT%H%M%S); }};"
        " python -m muvla.train variant={wildcards.variant} scale={params.scale} seed={params.seed}"
        " 'environments=[{params.environments}]' data={params.data} base={params.base} output={params.folder}"
        " 2>&1 | workflow/scripts/show {log}"
