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
            *(cell for seed in SEEDS for cell in matrix.libero_cells(config, seed)),
        ]
    )
]


# What the crate says this call was given.
PARAMETERS = ("scale", "checkpoints", "variants", "environments", "episodes", "evaluation_seed")


rule provenance:
    input:
        DOCUMENT,
        # of the bundled ones the mark that they were verified
        sorted({found.complete for found in CHECKPOINTS_OF_RECORDS}),
        records=[*EVALUATED, *AGAIN, *LIBERO_EVALUATED, *SERVED, *LIBERO_SERVED],
        traces_and_probes=TRACES_AND_PROBES,
        snakefile=in_tree("Snakefile"),
    output:
        report(f"{OUT}/provenance.html", category="Provenance"),
        f"{OUT}/ro-crate-metadata.json",
        f"{OUT}/workflow/Snakefile",
    log:
        f"{OUT}/logs/provenance.log",
    benchmark:
        f"{OUT}/benchmarks/provenance.tsv"
    params:
        checkpoints=[found.provenance for found in CHECKPOINTS_OF_RECORDS],
        root=lambda wildcards, output: str(Path(output[0]).parent),
        parameters=json.dumps({name: config[name] for name in PARAMETERS}),
    message:
        "Where every number comes from"
    script:
        "../scripts/report.py"


# The crate with all that it names, to be read on another machine.
rule archive:
    input:
        metadata=f"{OUT}/ro-crate-metadata.json",
    output:
        f"{OUT}/ro-crate.zip",
        f"{OUT}/episodes.jsonl",
        f"{OUT}/croissant.json",
    log:
        f"{OUT}/logs/archive.log",
    benchmark:
        f"{OUT}/benchmarks/archive.tsv"
    message:
        "The research object crate as one file"
    script:
        "../scripts/report.py"
