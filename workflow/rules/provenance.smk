# Where every number comes from: checkpoint, data, configuration, commit, image, simulator, command and time.

# Traces and probes say themselves what made them. The probe swaps the cue in our own demonstrations; the bundled
# checkpoints do without demonstrations, and the paper's are others.
TRACES_AND_PROBES = [*TRACE_JSONS, *([f"{OUT}/probes/cue_swap.json"] if TRAINED and not needs.paper else [])]


rule provenance:
    input:
        records=[*EVALUATED, *AGAIN, *(LIBERO_EVALUATED if LIBERO_THERE else []), *LIBERO_AGAIN],
        traces_and_probes=TRACES_AND_PROBES,
    output:
        report(f"{OUT}/provenance.html", category="Provenance"),
        f"{OUT}/ro-crate-metadata.json",
    log:
        f"{OUT}/logs/provenance.log",
    benchmark:
        f"{OUT}/benchmarks/provenance.tsv"
    params:
        root=lambda wildcards, output: str(Path(output[0]).parent),
    message:
        "Where every number comes from"
    script:
        "../scripts/report.py"
