# Does the policy read the cue? Its colour is swapped, and the actions are compared.


rule cue_swap:
    input:
        checkpoint=checkpoint_of(EFFECT["memory"]).complete,
        demonstrations=trainings.collected(config, EFFECT["environment"]),
    output:
        f"{OUT}/probes/cue_swap.json",
    log:
        f"{OUT}/logs/cue_swap.log",
    benchmark:
        f"{OUT}/benchmarks/cue_swap.tsv"
    threads: 2
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(6000, paper=64000),
        runtime=needs.growing(30, paper=60),
    params:
        overrides=lambda wildcards, input, output: overrides.overrides(
            checkpoint=checkpoint_of(EFFECT["memory"]).folder,
            environment=EFFECT["environment"],
            data=str(Path(input.demonstrations).parents[1]),
            output=output[0],
        ),
    message:
        "Swapping the cue's colour: is it read, and is the right object found?"
    shell:
        python("muvla.cue_swap {params.overrides:q}")
