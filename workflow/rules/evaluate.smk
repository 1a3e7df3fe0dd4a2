# Episodes in the simulator. The records themselves are no output: Snakemake would delete those of an interrupted
# evaluation, which goes on where it stopped. The output is a mark beside them, set when all episodes are there.

TRAINED = config["checkpoints"] == "trained"
CHECKPOINT = f"{OUT}/checkpoints/{{variant}}/provenance.json" if TRAINED else "checkpoints/mini.verified"
CONTROLS = matrix.controls(config)


rule evaluate:
    input:
        checkpoint=CHECKPOINT,
        settings="config/muvla/evaluate.yaml",
    output:
        touch(f"{RECORDS}/{{variant}}/{{environment}}.done"),
    log:
        f"{OUT}/logs/evaluate/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate/{{variant}}/{{environment}}.tsv"
    # One simulator a job and a job a core: nobody waits for anybody, and one job's start-up hides behind the other's work.
    threads: 1
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        checkpoint=f"{CHECKPOINTS}/{{variant}}",
        episodes=config["episodes"],
        records=f"{RECORDS}/{{variant}}/{{environment}}.jsonl",
        scale=config["scale"],
        seed=config["evaluation_seed"],
    message:
        "Evaluating {wildcards.variant} in {wildcards.environment}: {params.episodes} episodes"
    shell:
        "python -m muvla.evaluate checkpoint={params.checkpoint} name={wildcards.variant}"
        " environment={wildcards.environment} episodes={params.episodes} seed={params.seed}"
        " label={params.scale} slots={threads} threads={threads}"
        " mode=auto memory=active output={params.records} 2>&1 | workflow/scripts/show {log}"


rule evaluate_control:
    input:
        checkpoint=CHECKPOINT,
        settings="config/muvla/evaluate.yaml",
    output:
        touch(f"{RECORDS}/{{variant}}/{{environment}}.{{control}}.done"),
    log:
        f"{OUT}/logs/evaluate/{{variant}}/{{environment}}.{{control}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate/{{variant}}/{{environment}}.{{control}}.tsv"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        checkpoint=f"{CHECKPOINTS}/{{variant}}",
        episodes=config["episodes"],
        memory=lambda w: CONTROLS[w.variant, w.environment, w.control].get("memory", "active"),
        mode=lambda w: CONTROLS[w.variant, w.environment, w.control].get("mode", "auto"),
        records=f"{RECORDS}/{{variant}}/{{environment}}.{{control}}.jsonl",
        scale=config["scale"],
        seed=config["evaluation_seed"],
    message:
        "Evaluating {wildcards.variant} in {wildcards.environment}, control {wildcards.control}:"
        " {params.episodes} episodes"
    shell:
        "python -m muvla.evaluate checkpoint={params.checkpoint} name={wildcards.variant}"
        " environment={wildcards.environment} episodes={params.episodes} seed={params.seed}"
        " label={params.scale} slots={threads} threads={threads}"
        " mode={params.mode} memory={params.memory} output={params.records} 2>&1 | workflow/scripts/show {log}"


rule episode_frames:
    input:
        checkpoint=CHECKPOINT.format(variant=config["effect"]["memory"]),
        settings="config/muvla/evaluate.yaml",
    output:
        f"{OUT}/figures/episode.npz",
    log:
        f"{OUT}/logs/figures/episode.log",
    benchmark:
        f"{OUT}/benchmarks/figures/episode.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        checkpoint=f"{CHECKPOINTS}/{config['effect']['memory']}",
        environment=config["effect"]["environment"],
        records=lambda wildcards, output: Path(output[0]).with_suffix(".jsonl"),
        scale=config["scale"],
        seed=config["evaluation_seed"],
        variant=config["effect"]["memory"],
    message:
        "The first episode of {params.variant} in {params.environment} once more, keeping its pictures"
    shell:
        # A finished episode would not be run, so its record must not be there.
        "rm -f {params.records};"
        " python -m muvla.evaluate checkpoint={params.checkpoint} name={params.variant}"
        " environment={params.environment} episodes=1 seed={params.seed} label={params.scale} slots=1 threads=1"
        " frames={output} output={params.records} 2>&1 | workflow/scripts/show {log}"


EVALUATED = [f"{RECORDS}/{variant}/{environment}.done" for variant, environment in matrix.cells(config)]
EVALUATED += [f"{RECORDS}/{variant}/{environment}.{name}.done" for variant, environment, name in CONTROLS]
