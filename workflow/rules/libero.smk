# LIBERO, the control condition: everything fully observable. The same commands as for MIKASA-Robo, in a folder apart.

LIBERO = config["libero"]
LIBERO_HOME = f"{OUT}/{{again}}libero"
if TRAINED:
    LIBERO_CHECKPOINTS = f"{LIBERO_HOME}/checkpoints/{{variant}}"
    LIBERO_CHECKPOINT = f"{LIBERO_CHECKPOINTS}/provenance.json"
elif needs.paper:
    LIBERO_CHECKPOINTS = "hub/models/libero_{variant}"
    LIBERO_CHECKPOINT = f"{LIBERO_CHECKPOINTS}.json"
else:
    LIBERO_CHECKPOINTS = "checkpoints/mini/libero/{variant}"
    LIBERO_CHECKPOINT = "checkpoints/mini.verified"
# <records>/<variant>/<suite>/<task>.jsonl: the folder that the table is made from
LIBERO_RECORDS = f"{LIBERO_HOME}/records/{config['checkpoints']}"
LIBERO_CELLS = f"{LIBERO_RECORDS}/{{variant}}/{{task}}"


rule libero_probe:
    input:
        golden="config/libero_golden.json",
    output:
        f"{OUT}/libero/probe.json",
    log:
        f"{OUT}/libero/logs/probe.log",
    benchmark:
        f"{OUT}/libero/benchmarks/probe.tsv"
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(4000),
        runtime=needs.growing(10),
    params:
        suites=matrix.suites(config),
    message:
        "Does LIBERO compute here what it computed elsewhere? The first frame of every suite"
    shell:
        "python -m muvla.sim.libero.first_frames --suites {params.suites} --output {output} 2>&1 | workflow/scripts/show {log}"


rule evaluate_libero:
    input:
        checkpoint=LIBERO_CHECKPOINT,
        settings="config/muvla/evaluate.yaml",
        probe=f"{OUT}/libero/probe.json",
    output:
        touch(f"{LIBERO_CELLS}.done"),
    log:
        f"{LIBERO_HOME}/logs/evaluate/{{variant}}/{{task}}.log",
    benchmark:
        f"{LIBERO_HOME}/benchmarks/evaluate/{{variant}}/{{task}}.tsv"
    container:
        IMAGE
    # One environment a process, one process a core: a second one in the same process spoils the first one's pictures.
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(5000, paper=64000),
        runtime=needs.growing(120, paper=720),
    params:
        checkpoint=LIBERO_CHECKPOINTS,
        computing=COMPUTING,
        episodes=LIBERO["episodes"],
        mode=LIBERO["mode"],
        records=f"{LIBERO_CELLS}.jsonl",
        reset_rule=LIBERO["reset_rule"],
        scale=config["scale"],
        strict=str(LIBERO["strict"]).lower(),
    message:
        "Evaluating {wildcards.variant} in {wildcards.task}: {params.episodes} episodes"
    shell:
        "python -m muvla.evaluate checkpoint={params.checkpoint} name={wildcards.variant}"
        " environment={wildcards.task} episodes={params.episodes} seed=0 reset_rule={params.reset_rule}"
        " probe={input.probe} strict={params.strict} label={params.scale} slots={threads} threads={threads}"
        " mode={params.mode} memory=active {params.computing} output={params.records} 2>&1 | workflow/scripts/show {log}"


# Of the checkpoints on the Hub only some variants were trained on LIBERO.
LIBERO_CELLS_OF = {
    again: [
        f"{LIBERO_RECORDS.format(again=again)}/{variant}/{task}.done"
        for variant in matrix.available_on_libero(config)
        for task in LIBERO["tasks"]
    ]
    for again in SEEDS
}
LIBERO_EVALUATED = LIBERO_CELLS_OF[""]
LIBERO_AGAIN = [done for again in SEEDS if again for done in LIBERO_CELLS_OF[again]]
