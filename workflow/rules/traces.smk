# Single episodes, looked at from the inside: what the memory did, and where memory and actions look.
from muvla.benchmark.benchmark import benchmark_of

SEARCH = matrix.traces(config)
TRACE = f"{OUT}/traces/{{variant}}/{{traced}}.npz"
DYNAMICS = f"{OUT}/figures/memory_dynamics/{{variant}}/{{traced}}"
ATTENTION = f"{OUT}/figures/attention/{{variant}}/{{traced}}"
TRACED = r"[A-Z][A-Za-z0-9]*|libero_[a-z0-9]+/[0-9]+"  # an environment or a task


# of MIKASA-Robo's environments, and of LIBERO's tasks
TRACED_CHECKPOINT = {"mikasa": CHECKPOINT, "libero": LIBERO_CHECKPOINT}
TRACED_CHECKPOINTS = {"mikasa": CHECKPOINTS, "libero": LIBERO_CHECKPOINTS}
TRACED_MODE = {"mikasa": "auto", "libero": LIBERO["mode"]}
TRACED_SEED = {"mikasa": config["evaluation_seed"], "libero": 0}


def benchmark_name(wildcards):
    return benchmark_of(wildcards.traced).name


rule trace:
    input:
        checkpoint=lambda wildcards: TRACED_CHECKPOINT[benchmark_name(wildcards)].format(
            again="", variant=wildcards.variant
        ),
        settings="config/muvla/trace.yaml",
    output:
        trace=TRACE,
        provenance=f"{OUT}/traces/{{variant}}/{{traced}}.json",
    log:
        f"{OUT}/logs/trace/{{variant}}/{{traced}}.log",
    benchmark:
        f"{OUT}/benchmarks/trace/{{variant}}/{{traced}}.tsv"
    wildcard_constraints:
        traced=TRACED,
    container:
        IMAGE
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(5000, paper=64000),
        runtime=needs.growing(60, paper=360),
    params:
        backend=BACKEND,
        checkpoint=lambda wildcards: TRACED_CHECKPOINTS[benchmark_name(wildcards)].format(
            again="", variant=wildcards.variant
        ),
        computing=COMPUTING,
        # 520 steps of the paper's memory are 0.5 GB, of which the pictures need norms and distances only.
        keep_memory=lambda wildcards: str(not (needs.paper and benchmark_name(wildcards) == "libero")).lower(),
        mode=lambda wildcards: TRACED_MODE[benchmark_name(wildcards)],
        reset_rule=LIBERO["reset_rule"],
        scale=config["scale"],
        search=lambda wildcards: SEARCH.get((wildcards.variant, wildcards.traced), 1),
        seed=lambda wildcards: TRACED_SEED[benchmark_name(wildcards)],
    message:
        "Tracing an episode of {wildcards.variant} in {wildcards.traced}"
    shell:
        "python -m muvla.trace checkpoint={params.checkpoint} name={wildcards.variant} environment={wildcards.traced}"
        " seed={params.seed} search={params.search} mode={params.mode} label={params.scale} threads={threads}"
        " {params.computing} keep_memory={params.keep_memory} backend={params.backend} reset_rule={params.reset_rule}"
        " output={output.trace} 2>&1 | workflow/scripts/show {log}"


rule figure_memory_dynamics:
    input:
        trace=TRACE,
    output:
        report(f"{DYNAMICS}.png", category="Figures"),
        f"{DYNAMICS}.pdf",
    log:
        f"{OUT}/logs/figures/memory_dynamics/{{variant}}/{{traced}}.log",
    benchmark:
        f"{OUT}/benchmarks/figures/memory_dynamics/{{variant}}/{{traced}}.tsv"
    wildcard_constraints:
        traced=TRACED,
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(2000, paper=4000),
        runtime=needs.growing(10),
    message:
        "Figure: the memory of {wildcards.variant} in an episode of {wildcards.traced}"
    script:
        "../scripts/report.py"


rule figure_attention:
    input:
        trace=TRACE,
    output:
        report(f"{ATTENTION}.png", category="Figures"),
        multiext(ATTENTION, ".pdf", ".gif"),
    log:
        f"{OUT}/logs/figures/attention/{{variant}}/{{traced}}.log",
    benchmark:
        f"{OUT}/benchmarks/figures/attention/{{variant}}/{{traced}}.tsv"
    wildcard_constraints:
        traced=TRACED,
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(2000, paper=4000),
        runtime=needs.growing(10, paper=30),
    message:
        "Figure: where {wildcards.variant} looks in an episode of {wildcards.traced}"
    script:
        "../scripts/report.py"


# names below <outputs>/figures, each a .png and a .pdf
TRACE_FIGURES = [
    f"{figure}/{variant}/{traced}"
    for variant, traced in SEARCH
    for figure in ("memory_dynamics", "attention")
    if figure == "attention" or matrix.has_memory(variant)
]
# the JSON file of each trace, which says what made it
TRACE_JSONS = [f"{OUT}/traces/{variant}/{traced}.json" for variant, traced in SEARCH]
