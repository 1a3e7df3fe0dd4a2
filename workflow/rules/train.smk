# Every variant from one base: at the mini scale trained here in fully visible scenes, at the paper's openvla-7b.
# provenance.json is written last; a job that was stopped goes on from its last saved state.

CHECKPOINTS = f"{OUT}/{{home}}checkpoints"
GPUS = 8  # of one node, at the paper's scale


if not needs.paper:

    rule base:
        input:
            demonstrations=lambda wildcards: training_data("base", wildcards.home),
            settings=lambda wildcards: training_settings("base", wildcards.home),
        output:
            f"{CHECKPOINTS}/base/provenance.json",
        log:
            f"{OUT}/{{home}}logs/train/base.log",
        benchmark:
            f"{OUT}/{{home}}benchmarks/train/base.tsv"
        threads: lambda wildcards: trainings.base_threads(wildcards.home)
        resources:
            mem_mb=needs.growing(8000),
            runtime=needs.growing(120),
        params:
            overrides=lambda wildcards, input, output: overrides.training(
                config,
                "base",
                wildcards.home,
                threads=trainings.base_threads(wildcards.home),
                data=str(Path(input.demonstrations[0]).parents[1]),
                output=str(Path(output[0]).parent),
            ),
        message:
            "Training the base of {output}"
        shell:
            python("muvla.train {params.overrides:q}")


# Retraining invalidates a variant's records: once the new policy is there they move to superseded/.
rule train:
    input:
        base=(
            in_tree("hub/models/base.json")
            if needs.paper
            else lambda wildcards: rules.base.output[0].format(home=trainings.base_home(wildcards.home))
        ),
        demonstrations=lambda wildcards: training_data(wildcards.variant, wildcards.home),
        settings=lambda wildcards: training_settings(wildcards.variant, wildcards.home),
    output:
        f"{CHECKPOINTS}/{{variant}}/provenance.json",
    log:
        f"{OUT}/{{home}}logs/train/{{variant}}.log",
    benchmark:
        f"{OUT}/{{home}}benchmarks/train/{{variant}}.tsv"
    threads: 64 if needs.paper else 1
    resources:
        **needs.gpu(GPUS),
        mem_mb=needs.growing(8000, paper=400000),
        # Partitions often end jobs after a day or two: the next attempt goes on.
        runtime=needs.growing(240, paper=2880),
    params:
        module=(
            f"torch.distributed.run --standalone --nproc-per-node={GPUS} -m muvla.train"
            if needs.paper
            else "muvla.train"
        ),
        overrides=lambda wildcards, input, output: overrides.training(
            config,
            wildcards.variant,
            wildcards.home,
            data=str(Path(input.demonstrations[0]).parents[0 if needs.paper else 1]),
            base=str(Path(input.base).with_suffix("") if needs.paper else Path(input.base).parent),
            output=str(Path(output[0]).parent),
        ),
        records=f"{OUT}/{{home}}records/trained/{{variant}}",
        superseded=f"{OUT}/{{home}}superseded",
    message:
        "Training {wildcards.home}{wildcards.variant}"
    shell:
        # A training that fails leaves the old records, and the tables made from them, as they are.
        f"{python('{params.module} {params.overrides:q}')} && if [ -d {{params.records}} ]; then"
        " mkdir -p {params.superseded};"
        " mv {params.records} {params.superseded}/{wildcards.variant}.$(date +%Y%m%dT%H%M%S); fi"
