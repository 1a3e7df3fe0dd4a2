# Episodes of other people's policies: the server runs beside the evaluation, on the same node, in an image of its own.

APPTAINER = f"apptainer exec --nv {workflow.deployment_settings.apptainer_args}".strip()


for serving in SERVINGS:

    rule:
        name:
            serving.name
        input:
            policy=in_tree(f"config/policies/{serving.policy}.yaml"),
            check=branch(serving.on_libero, then=f"{OUT}/libero/start_up_check.json"),
        output:
            marks_of(serving.cells, MEASURED),
        log:
            f"{OUT}/logs/evaluate/{serving.name}.log",
        benchmark:
            f"{OUT}/benchmarks/evaluate/{serving.name}.tsv"
        # None of ours: the command starts the server in its image and the evaluation in ours.
        container:
            None
        threads: SLOTS
        resources:
            **needs.gpu(1),
            mem_mb=needs.growing(8000, paper=96000),
            runtime=needs.growing(60 + 60 * len(serving.cells)),
        params:
            python=shlex.quote(sys.executable),
            serving=overrides.several(
                [
                    overrides.overrides(
                        policy=in_tree(f"config/policies/{serving.policy}.yaml"),
                        benchmark=serving.benchmark,
                        **(
                            {"container": overrides.quoted(APPTAINER), "evaluation_image": EVALUATION_IMAGE}
                            if workflow.deployment_settings.deployment_method
                            else {}
                        ),
                    )
                ]
            ),
            evaluations=overrides.several(
                served.evaluation(
                    config,
                    serving,
                    cell,
                    probe=f"{OUT}/libero/start_up_check.json" if serving.on_libero else None,
                    slots=SLOTS,
                    mark=True,
                    output=str(Path(mark).with_suffix(".jsonl")),
                )
                for cell, mark in zip(serving.cells, marks_of(serving.cells, MEASURED))
            ),
        message:
            f"Evaluating {serving.entry['title']} behind its server: {len(serving.cells)} cells"
        shell:
            f"{{params.python}} -m muvla.serve.beside {{params.serving}} -- {{params.evaluations}} 2>&1 | {SHOW} {{log}}"
