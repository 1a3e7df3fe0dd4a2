# Episodes in the simulator. The records themselves are no output: Snakemake would delete those of an interrupted
# evaluation, which goes on where it stopped. The output is the mark that the command writes when all episodes are there.


# Compares the first frame of every suite with the golden one. An evaluation warns where they differ (or is refused).
rule libero_check:
    input:
        golden=in_tree("config/libero_golden.json"),
    output:
        f"{OUT}/libero/start_up_check.json",
    log:
        f"{OUT}/libero/logs/start_up_check.log",
    resources:
        mem_mb=needs.growing(4000),
    params:
        suites=trainings.suites(config),
    message:
        "Does LIBERO compute here what it computed elsewhere? The first frame of every suite"
    shell:
        python("muvla.sim.libero.first_frames --suites {params.suites} --output {output}")


SLOTS = 8 if needs.paper else 1  # simulators that a policy answers in one batch


# One process evaluates a batch of cells (muvla/jobs/batches.py): a rule for each batch, with a mark for each cell.
for batch in batches.batches(config):
    # Where records come along, only a sample is evaluated, beside them.
    place = "sample" if recorded.shown(config, batch.cells[0].home) else MEASURED

    rule:
        name:
            batch.name
        input:
            checkpoints=sorted({checkpoint_of(cell.variant, cell.home).complete for cell in batch.cells}),
            check=branch(matrix.on_libero(batch.cells[0].home), then=rules.libero_check.output[0]),
        output:
            [mark_of(cell, place) for cell in batch.cells],
        log:
            f"{OUT}/logs/evaluate/{batch.name}.log",
        benchmark:
            f"{OUT}/benchmarks/evaluate/{batch.name}.tsv"
        container:
            EVALUATION_IMAGE
        # One simulator a job and a job a core: nobody waits for anybody. A large policy answers several at once.
        threads: SLOTS
        resources:
            **needs.gpu(1),
            mem_mb=needs.growing(6000, paper=64000),
            runtime=needs.growing(
                60 + 15 * len(batch.cells),
                paper=60 + (60 if matrix.on_libero(batch.cells[0].home) else 20) * len(batch.cells),
            ),
        params:
            evaluations=overrides.several(
                overrides.evaluation(
                    config,
                    cell,
                    checkpoint_of(cell.variant, cell.home).folder,
                    probe=rules.libero_check.output[0] if matrix.on_libero(cell.home) else None,
                    slots=SLOTS,
                    threads=1,
                    mark=True,
                    output=str(Path(mark_of(cell, place)).with_suffix(".jsonl")),
                    episodes=recorded.episodes(config, cell),
                )
                for cell in batch.cells
            ),
        message:
            f"Evaluating {batch.title}"
        shell:
            python("muvla.evaluate {params.evaluations}")


rule episode_frames:
    input:
        checkpoint=checkpoint_of(EFFECT["memory"]).complete,
    output:
        frames=f"{OUT}/figures/episode.npz",
        # Of the table's episode there is a record already. Snakemake removes outputs before a job as well: a finished
        # episode would not be run again.
        records=temp(f"{OUT}/figures/episode.jsonl"),
        provenance=temp(f"{OUT}/figures/episode.provenance.json"),
    log:
        f"{OUT}/logs/figures/episode.log",
    benchmark:
        f"{OUT}/benchmarks/figures/episode.tsv"
    container:
        EVALUATION_IMAGE
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(4000, paper=64000),
    params:
        **EFFECT,
        overrides=lambda wildcards, output: overrides.evaluation(
            config,
            matrix.Cell(EFFECT["memory"], EFFECT["environment"]),
            checkpoint_of(EFFECT["memory"]).folder,
            episodes=1,
            slots=1,
            threads=1,
            frames=output.frames,
            output=output.records,
        ),
    message:
        "The first episode of {params.memory} in {params.environment} once more, keeping its pictures"
    shell:
        python("muvla.evaluate {params.overrides:q}")
