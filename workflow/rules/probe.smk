# Diagnostics of a trained policy.


rule cue_swap:
    input:
        checkpoint=CHECKPOINT.format(again="", variant=config["effect"]["memory"]),
        demonstrations=f"{OUT}/data/{dataset_name(config['effect']['environment'])}/collection.json",
        settings="config/muvla/probe.yaml",
    output:
        f"{OUT}/probes/cue_swap.json",
    log:
        f"{OUT}/logs/probe/cue_swap.log",
    benchmark:
        f"{OUT}/benchmarks/probe/cue_swap.tsv"
    threads: 2
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(6000, paper=64000),
        runtime=needs.growing(30, paper=60),
    params:
        checkpoint=CHECKPOINTS.format(again="", variant=config["effect"]["memory"]),
        data=lambda wildcards, input: Path(input.demonstrations).parents[1],
        environment=config["effect"]["environment"],
    message:
        "Swapping the cue's colour: is it read, and is the right object found?"
    shell:
        "python -m muvla.cue_swap cue_swap checkpoint={params.checkpoint} environment={params.environment}"
        " data={params.data} output={output} 2>&1 | workflow/scripts/show {log}"
