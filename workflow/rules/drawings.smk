# Figures of the method, drawn from the code with the numbers of this scale's policies: functions of checkpoint folders.

# The paper's three ways to train the memory: what of them the configuration has.
DRAWN_FROM = [variant for variant in ("m64_k8", "m64_k2", "m64_ema") if variant in matrix.available(config)]
# names below <outputs>/figures, each a .svg, a .png and a .pdf
DRAWINGS = ["architecture", "method", "masks"] if DRAWN_FROM else []


rule figure_architecture:
    input:
        checkpoint_of(DRAWN_FROM[0]).complete if DRAWN_FROM else [],
    output:
        report(f"{OUT}/figures/architecture.png", category="Figures"),
        multiext(f"{OUT}/figures/architecture", ".svg", ".pdf"),
    log:
        f"{OUT}/logs/figures/architecture.log",
    benchmark:
        f"{OUT}/benchmarks/figures/architecture.tsv"
    params:
        checkpoint=checkpoint_of(DRAWN_FROM[0]).folder if DRAWN_FROM else "",
        scale=config["scale"],
    message:
        "Figure: one step of the policy, with the numbers of this scale"
    script:
        "../scripts/report.py"


rule figure_masks:
    input:
        checkpoint_of(DRAWN_FROM[0]).complete if DRAWN_FROM else [],
    output:
        report(f"{OUT}/figures/masks.png", category="Figures"),
        multiext(f"{OUT}/figures/masks", ".svg", ".pdf"),
    log:
        f"{OUT}/logs/figures/masks.log",
    benchmark:
        f"{OUT}/benchmarks/figures/masks.tsv"
    params:
        checkpoint=checkpoint_of(DRAWN_FROM[0]).folder if DRAWN_FROM else "",
    message:
        "Figure: who may look at whom"
    script:
        "../scripts/report.py"


rule figure_method:
    input:
        sorted({checkpoint_of(variant).complete for variant in DRAWN_FROM}),
    output:
        report(f"{OUT}/figures/method.png", category="Figures"),
        multiext(f"{OUT}/figures/method", ".svg", ".pdf"),
    log:
        f"{OUT}/logs/figures/method.log",
    benchmark:
        f"{OUT}/benchmarks/figures/method.tsv"
    params:
        checkpoints=[checkpoint_of(variant).folder for variant in DRAWN_FROM],
    message:
        "Figure: where gradients flow"
    script:
        "../scripts/report.py"
