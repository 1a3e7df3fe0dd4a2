# Figures: functions of the records whose marks a rule names.

PROBES = ["interventions", "chunk_sweep", "delays", "unseen_colours"]
PROBE_FIGURES = PROBES if PROBE_CELLS else []  # those that the configuration runs


rule figure_effect:
    input:
        frames=f"{OUT}/figures/episode.npz",
        records=EFFECT_CELLS,
    output:
        report(f"{OUT}/figures/memory_effect.png", category="Figures"),
        f"{OUT}/figures/memory_effect.pdf",
    log:
        f"{OUT}/logs/figures/effect.log",
    benchmark:
        f"{OUT}/benchmarks/figures/effect.tsv"
    resources:
        mem_mb=needs.growing(2000),
    params:
        effect=config["effect"],
        statistics=config["statistics"],
    message:
        "Figure: success with memory and without"
    script:
        "../scripts/report.py"


rule figure_probes:
    input:
        records=PROBE_CELLS,
    output:
        report(expand(f"{OUT}/figures/{{name}}.png", name=PROBES), category="Figures"),
        expand(f"{OUT}/figures/{{name}}.{{kind}}", name=PROBES, kind=["pdf", "csv"]),
    log:
        f"{OUT}/logs/figures/probes.log",
    benchmark:
        f"{OUT}/benchmarks/figures/probes.tsv"
    resources:
        mem_mb=needs.growing(2000),
    params:
        statistics=config["statistics"],
    message:
        "Figures: the paper's probes of the memory"
    script:
        "../scripts/report.py"
