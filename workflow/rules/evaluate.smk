# Episodes in the simulator. The records themselves are no output: Snakemake would delete those of an interrupted
# evaluation, which goes on where it stopped. The output is a mark beside them, set when all episodes are there.

TRAINED = config["checkpoints"] == "trained"
# The folders of the checkpoints, and the file that says that one is there and whole.
if TRAINED:
    CHECKPOINTS = f"{OUT}/{{again}}checkpoints/{{variant}}"
    CHECKPOINT = f"{CHECKPOINTS}/provenance.json"
elif needs.paper:
    CHECKPOINTS = "hub/models/{variant}"
    CHECKPOINT = f"{CHECKPOINTS}.json"
else:
    CHECKPOINTS = "checkpoints/mini/{variant}"
    CHECKPOINT = "checkpoints/mini.verified"
CELLS = f"{OUT}/{{again}}records/{config['checkpoints']}/{{variant}}/{{environment}}"
CONTROLS = matrix.controls(config)
ASKED = {"memory": "active", "mode": "auto", "open_loop_steps": "null", "phases": "null", "unseen_colours": "null"}
BACKEND = "gpu" if needs.paper else "cpu"
IMAGE = config["site"]["paper_image" if needs.paper else "image"]  # with the simulator versions of the paper


rule evaluate:
    input:
        checkpoint=CHECKPOINT,
        settings="config/muvla/evaluate.yaml",
    output:
        touch(f"{CELLS}.done"),
    log:
        f"{OUT}/{{again}}logs/evaluate/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/{{again}}benchmarks/evaluate/{{variant}}/{{environment}}.tsv"
    container:
        IMAGE
    # One simulator a job and a job a core: nobody waits for anybody, and one job's start-up hides behind the other's work.
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(6000, paper=64000),
        runtime=needs.growing(120, paper=360),
    params:
        backend=BACKEND,
        checkpoint=CHECKPOINTS,
        episodes=config["episodes"],
        question=" ".join(f"{key}={value}" for key, value in ASKED.items()),
        records=f"{CELLS}.jsonl",
        scale=config["scale"],
        seed=config["evaluation_seed"],
    message:
        "Evaluating {wildcards.variant} in {wildcards.environment}: {params.episodes} episodes"
    shell:
        "python -m muvla.evaluate checkpoint={params.checkpoint} name={wildcards.variant}"
        " environment={wildcards.environment} episodes={params.episodes} seed={params.seed}"
        " label={params.scale} slots={threads} threads={threads}"
        " {params.question} backend={params.backend} output={params.records} 2>&1 | workflow/scripts/show {log}"


use rule evaluate as evaluate_control with:
    output:
        touch(f"{CELLS}.{{control}}.done"),
    log:
        f"{OUT}/{{again}}logs/evaluate/{{variant}}/{{environment}}.{{control}}.log",
    benchmark:
        f"{OUT}/{{again}}benchmarks/evaluate/{{variant}}/{{environment}}.{{control}}.tsv"
    params:
        backend=BACKEND,
        checkpoint=CHECKPOINTS,
        episodes=config["episodes"],
        question=lambda w: " ".join(
            f"{key}={CONTROLS[w.variant, w.environment, w.control].get(key, usual)}" for key, usual in ASKED.items()
        ),
        records=f"{CELLS}.{{control}}.jsonl",
        scale=config["scale"],
        seed=config["evaluation_seed"],
    message:
        "Evaluating {wildcards.variant} in {wildcards.environment}, control {wildcards.control}:"
        " {params.episodes} episodes"


# pi0.5 has a code base of its own: a command of the site (config/site.yaml) evaluates it and writes our records.
rule evaluate_pi05:
    output:
        touch(f"{RECORDS}/pi05/{{environment}}.done"),
    log:
        f"{OUT}/logs/evaluate/pi05/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate/pi05/{{environment}}.tsv"
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(64000),
        runtime=needs.growing(360),
    params:
        command=lambda wildcards: config["site"]["pi05"].format(
            environment=wildcards.environment,
            episodes=config["episodes"],
            seed=config["evaluation_seed"],
            output=f"{RECORDS}/pi05/{wildcards.environment}.jsonl",
        ),
    message:
        "Evaluating pi0.5 in {wildcards.environment} with the site's own command"
    shell:
        "{params.command} 2>&1 | workflow/scripts/show {log}"


rule episode_frames:
    input:
        checkpoint=CHECKPOINT.format(again="", variant=config["effect"]["memory"]),
        settings="config/muvla/evaluate.yaml",
    output:
        f"{OUT}/figures/episode.npz",
    log:
        f"{OUT}/logs/figures/episode.log",
    benchmark:
        f"{OUT}/benchmarks/figures/episode.tsv"
    container:
        IMAGE
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(4000, paper=64000),
        runtime=needs.growing(10, paper=30),
    params:
        backend=BACKEND,
        checkpoint=CHECKPOINTS.format(again="", variant=config["effect"]["memory"]),
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
        " frames={output} backend={params.backend} output={params.records} 2>&1 | workflow/scripts/show {log}"


EVALUATED = [f"{RECORDS}/{variant}/{environment}.done" for variant, environment in matrix.cells(config)]
EVALUATED += [
    f"{RECORDS}/{variant}/{environment}.{name}.done"
    for (variant, environment, name), control in CONTROLS.items()
    if not matrix.home(control)
]
# The same cells of the other training seeds.
AGAIN = [done.replace(OUT, f"{OUT}/{again.rstrip('/')}", 1) for again in SEEDS if again for done in EVALUATED]
# Policies of longer chunks are others, of the first seed alone.
AGAIN += [
    CELLS.format(again=home, variant=variant, environment=environment) + f".{name}.done"
    for (variant, environment, name), control in CONTROLS.items()
    if (home := matrix.home(control))
]
PI05 = [f"{RECORDS}/pi05/{name}.done" for name in config["environments"] if needs.paper and config["site"]["pi05"]]
EVALUATED += PI05
