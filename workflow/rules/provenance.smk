# Where every number comes from: checkpoint, data, configuration, commit, image, simulator, command and time.

# Traces and probes say themselves what made them. The probe swaps the cue in our own demonstrations; the bundled
# checkpoints do without demonstrations, and the paper's are others.
TRACES_AND_PROBES = [*TRACE_JSONS, *([f"{OUT}/probes/cue_swap.json"] if TRAINED and not needs.paper else [])]

# The checkpoints behind the records. What each was trained on stands in its provenance.json; a download has its mark.
CHECKPOINTS_OF_RECORDS = [
    checkpoint_of(variant, home)
    for variant, home in dict.fromkeys(
        (cell.variant, cell.home)
        for cell in [
            *matrix.first_seed(config),
            *matrix.repeated(config),
            *(cell for seed in SEEDS if seed or LIBERO_THERE for cell in matrix.libero_table(config, seed)),
        ]
    )
]


rule provenance:
    input:
        DOCUMENT,
        # of the bundled ones the mark that they were verified
        sorted({found.complete for found in CHECKPOINTS_OF_RECORDS}),
        records=[*EVALUATED, *AGAIN, *LIBERO_SHOWN, *SERVED, *LIBERO_SERVED],
        traces_and_probes=TRACES_AND_PROBES,
    output:
        report(f"{OUT}/provenance.html", category="Provenance"),
        f"{OUT}/ro-crate-metadata.json",
    log:
        f"{OUT}/logs/provenance.log",
    benchmark:
        f"{OUT}/benchmarks/provenance.tsv"
    params:
        checkpoints=[found.provenance for found in CHECKPOINTS_OF_RECORDS],
        root=lambda wildcards, output: str(Path(output[0]).parent),
    message:
        "Where every number comes from"
    script:
        "../scripts/report.py"
