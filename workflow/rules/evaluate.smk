# Episodes in the simulator. The records themselves are no output: Snakemake would delete those of an interrupted
# evaluation, which goes on where it stopped. The output is the mark that the command writes when all episodes are there.


# Compares the first frame of every suite with the golden one. An evaluation warns where they differ (or is refused).
rule libero_check:
    input:
        golden=in_tree("config/libero_golden.json"),
    output:
        f"{OUT}/libero/start_up_check.json",
    log:
        f"{OUT}/libero/logs/start_up_check.log",
    resources:
        mem_mb=needs.growing(4000),
    params:
        suites=trainings.suites(config),
    message:
        "Does LIBERO compute here what it computed elsewhere? The first frame of every suite"
    shell:
        python("muvla.sim.libero.first_frames --suites {params.suites} --output {output}")


rule evaluate:
    input:
        checkpoint=lambda wildcards: checkpoint_of(wildcards.variant, wildcards.home).complete,
        check=branch(lambda wildcards: matrix.on_libero(wildcards.home), then=rules.libero_check.output[0]),
    output:
        f"{CELL}.done",
    log:
        f"{OUT}/{{home}}logs/evaluate/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/{{home}}benchmarks/evaluate/{{variant}}/{{environment}}.tsv"
    container:
        EVALUATION_IMAGE
    # One simulator a job and a job a core: nobody waits for anybody, and one job's start-up hides behind the other's
    # work. In LIBERO a second one in the same process would spoil the first one's pictures.
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(6000, paper=64000),
        runtime=lambda wildcards, attempt: (
            needs.growing(120, paper=720 if matrix.on_libero(wildcards.home) else 360)(wildcards, attempt)
        ),
    params:
        overrides=lambda wildcards, input, output: overrides.evaluation(
            config,
            cell_of(wildcards),
            checkpoint_of(wildcards.variant, wildcards.home).folder,
            probe=str(input.check) if input.check else None,
            slots=1,
            threads=1,
            mark=True,
            output=str(Path(output[0]).with_suffix(".jsonl")),
        ),
    message:
        "Evaluating {wildcards.home}{wildcards.variant} in {wildcards.environment}"
    shell:
        python("muvla.evaluate {params.overrides:q}")


use rule evaluate as evaluate_control with:
    output:
        f"{CELL}.{{control}}.done",
    log:
        f"{OUT}/{{home}}logs/evaluate/{{variant}}/{{environment}}.{{control}}.log",
    benchmark:
        f"{OUT}/{{home}}benchmarks/evaluate/{{variant}}/{{environment}}.{{control}}.tsv"
    message:
        "Evaluating {wildcards.home}{wildcards.variant} in {wildcards.environment}, control {wildcards.control}"


# pi0.5 has a code base of its own: a command of the site (config/site.yaml) evaluates it and writes our records.
rule evaluate_pi05:
    output:
        CELL.format(home="", variant="pi05", environment="{environment}") + ".done",
    log:
        f"{OUT}/logs/evaluate/pi05/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate/pi05/{{environment}}.tsv"
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(64000),
        runtime=needs.growing(360),
    params:
        records=lambda wildcards, output: str(Path(output[0]).with_suffix(".jsonl")),
        episodes=config["episodes"],
        command=lambda wildcards, output: config["site"]["pi05"].format(
            environment=wildcards.environment,
            episodes=config["episodes"],
            seed=config["evaluation_seed"],
            output=str(Path(output[0]).with_suffix(".jsonl")),
        ),
    message:
        "Evaluating pi0.5 in {wildcards.environment} with the site's own command"
    shell:
        f"( {{params.command}} && {PYTHON} -m muvla.jobs.marks {{params.records}} {{params.episodes}} ) 2>&1 | {SHOW} {{log}}"


rule episode_frames:
    input:
        checkpoint=checkpoint_of(EFFECT["memory"]).complete,
    output:
        frames=f"{OUT}/figures/episode.npz",
        # Of the table's episode there is a record already. Snakemake removes outputs before a job as well: a finished
        # episode would not be run again.
        records=temp(f"{OUT}/figures/episode.jsonl"),
        provenance=temp(f"{OUT}/figures/episode.provenance.json"),
    log:
        f"{OUT}/logs/figures/episode.log",
    benchmark:
        f"{OUT}/benchmarks/figures/episode.tsv"
    container:
        EVALUATION_IMAGE
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(4000, paper=64000),
    params:
        **EFFECT,
        overrides=lambda wildcards, output: overrides.evaluation(
            config,
            matrix.Cell(EFFECT["memory"], EFFECT["environment"]),
            checkpoint_of(EFFECT["memory"]).folder,
            episodes=1,
            slots=1,
            threads=1,
            frames=output.frames,
            output=output.records,
        ),
    message:
        "The first episode of {params.memory} in {params.environment} once more, keeping its pictures"
    shell:
        python("muvla.evaluate {params.overrides:q}")
