# Where every number comes from: checkpoint, data, configuration, commit, image, simulator, command and time.

# Beside the records: what tells its own origin. The cue is swapped in our own demonstrations, which the bundled
# checkpoints do without; the paper's are others.
LOOKS = [*TRACES_TOLD, *([f"{OUT}/probes/cue_swap.json"] if TRAINED and not needs.paper else [])]


rule provenance:
    input:
        records=[*EVALUATED, *AGAIN, *(LIBERO_EVALUATED if LIBERO_THERE else []), *LIBERO_AGAIN],
        looks=LOOKS,
    output:
        page=report(f"{OUT}/provenance.html", category="Provenance"),
        crate=f"{OUT}/ro-crate-metadata.json",
    log:
        f"{OUT}/logs/provenance.log",
    benchmark:
        f"{OUT}/benchmarks/provenance.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        folder=lambda wildcards, output: Path(output.page).parent,
        records=lambda wildcards, input: list(
            dict.fromkeys(str(Path(cell).parents[2 if "libero_" in cell else 1]) for cell in input.records)
        ),
    message:
        "Where every number comes from"
    shell:
        python("muvla.report.lineage --records {params.records} --looks {input.looks} --output {params.folder}")
