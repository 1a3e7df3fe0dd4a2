# Episodes in the simulator. The records themselves are no output: Snakemake would delete those of an interrupted
# evaluation, which goes on where it stopped. The output is a mark beside them, set when all episodes are there.

from functools import partial

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
# Where simulator and policy compute.
BACKEND = "gpu" if needs.paper else "cpu"
COMPUTING = "device=cuda precision=bfloat16" if needs.paper else "device=cpu precision=float32"
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
        computing=COMPUTING,
        checkpoint=CHECKPOINTS,
        episodes=config["episodes"],
        question=" ".join(f"{key}={value}" for key, value in matrix.ASKED.items()),
        records=f"{CELLS}.jsonl",
        scale=config["scale"],
        seed=config["evaluation_seed"],
    message:
        "Evaluating {wildcards.variant} in {wildcards.environment}: {params.episodes} episodes"
    shell:
        "python -m muvla.evaluate checkpoint={params.checkpoint} name={wildcards.variant}"
        " environment={wildcards.environment} episodes={params.episodes} seed={params.seed}"
        " label={params.scale} slots={threads} threads={threads}"
        " {params.question} {params.computing} backend={params.backend} output={params.records} 2>&1 | workflow/scripts/show {log}"


use rule evaluate as evaluate_control with:
    output:
        touch(f"{CELLS}.{{control}}.done"),
    log:
        f"{OUT}/{{again}}logs/evaluate/{{variant}}/{{environment}}.{{control}}.log",
    benchmark:
        f"{OUT}/{{again}}benchmarks/evaluate/{{variant}}/{{environment}}.{{control}}.tsv"
    params:
        backend=BACKEND,
        computing=COMPUTING,
        checkpoint=CHECKPOINTS,
        episodes=config["episodes"],
        question=lambda w: " ".join(
            f"{key}={CONTROLS[w.variant, w.environment, w.control].get(key, usual)}"
            for key, usual in matrix.ASKED.items()
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
        computing=COMPUTING,
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
        " frames={output} {params.computing} backend={params.backend} output={params.records} 2>&1 | workflow/scripts/show {log}"


done = partial(matrix.done, CELLS)
# What Table 1 shows: nothing else is run for it. pi0.5 has a command of its own, where the site names one.
PI05 = [f"{RECORDS}/pi05/{name}.done" for name in config["environments"] if needs.paper and config["site"]["pi05"]]
TABLE_CELLS = [*(done(*cell) for cell in matrix.cells(config)), *PI05]
# The effect: that environment's cells, and the two controls that are shown beside them.
EFFECT_CELLS = [cell for cell in TABLE_CELLS if Path(cell).stem == config["effect"]["environment"]]
EFFECT_CELLS += [done(*key) for key in matrix.shown_by_effect(config)]
# The pictures of the paper's probes: the controls, and the table's cells of the same policies beside them. Policies of
# longer chunks have a folder of their own.
PROBE_CELLS = [done(*key, again=matrix.home(CONTROLS[key])) for key in matrix.probes(config)]
BESIDE = {key[:2] for key in matrix.probes(config)}
PROBE_CELLS += [done(*cell) for cell in matrix.cells(config) if cell in BESIDE]
# Every evaluation of the first training seed; and those of the other seeds, and of the policies of longer chunks, which
# are of the first seed alone.
AT_HOME = [key for key, control in CONTROLS.items() if not matrix.home(control)]
EVALUATED = [*TABLE_CELLS, *(done(*key) for key in AT_HOME)]
AGAIN = [done(*key, again=again) for again in SEEDS if again for key in [*matrix.cells(config), *AT_HOME]]
AGAIN += [done(*key, again=home) for key, control in CONTROLS.items() if (home := matrix.home(control))]
