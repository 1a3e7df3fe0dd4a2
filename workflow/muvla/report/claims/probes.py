"""The claims on the probes of the memory: those of spec 10 that episode records can decide."""

from muvla.report.claims.statement import Statement, not_measured
from muvla.report.probes.probes import UNSEEN, Samples, chunked, delayed, recoloured
from muvla.report.published import chance
from muvla.report.sample import Sample
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.versus import Answer, Versus, gap_versus, judge_greater, judge_same, versus

K2, K8, EMA = "m64_k2", "m64_k8", "m64_ema"
NO_CHANCE = 0.05  # what a baseline must be above where guessing has no rate
INTERVENTIONS, SWEEP = "causal memory intervention (spec 10)", "chunk-length sweep (spec 10)"
GENERALISATION = "generalisation probes on RememberColor5 (spec 10)"


def claims_on_probes(samples: Samples, rules: Rules) -> list[Statement]:
    """Judge all of them, in the order of the paper."""
    return [
        zeroed_falls_back(samples, rules),
        intervention(samples, rules, "noise", "Noise drops success on every cell with a non-trivial baseline"),
        intervention(samples, rules, "freeze_first", "Keeping the first memory for the whole episode drops success"),
        gap_at_one(samples, rules),
        *k2_dominates(samples, rules),
        k2_degrades_fastest(samples, rules),
        *k8_flat_but_low(samples, rules),
        ema_collapses(samples, rules),
    ]


def above_chance(sample: Sample, rules: Rules) -> bool:
    """Say whether the lower end of the interval is above what guessing achieves."""
    guess = chance(sample.settings["environment"])
    return sample.rate(rules.confidence).low > (NO_CHANCE if guess is None else guess)


def zeroed_falls_back(samples: Samples, rules: Rules) -> Statement:
    """Compare the policy's own memory with zeros on cue tasks, and the latter with chance."""
    text = "With its memory zeroed a policy falls back to chance on cue tasks"
    cue_tasks = {key: found for key, found in samples.items() if chance(key[1]) is not None}
    judged = intervention(cue_tasks, rules, "zero", text)
    compared = {one.name for one in judged.found}
    still = [
        f"{variant}, {environment}"
        for (variant, environment), conditions in cue_tasks.items()
        if f"{variant}, {environment}" in compared and above_chance(conditions[chunked(1, "zero")], rules)
    ]
    meaning = f"{judged.meaning} The second must not be above chance by its interval either"
    meaning += f", as it is here: {'; '.join(still)}." if still else "."
    verdict = Answer.DOES_NOT if judged.verdict is Answer.HOLDS and still else judged.verdict
    return Statement(text, judged.place, meaning, judged.found, verdict, judged.missing)


def intervention(samples: Samples, rules: Rules, memory: str, text: str) -> Statement:
    """Compare the policy's own memory with an intervention, wherever the baseline is not trivial."""
    found, trivial = [], []
    for (variant, environment), conditions in samples.items():
        own, other = conditions.get(chunked(1)), conditions.get(chunked(1, memory))
        if own is not None and other is not None:
            if above_chance(own, rules):
                found.append(versus(f"{variant}, {environment}", own, other, rules))
            else:
                trivial.append(f"{variant} in {environment}")
    meaning = (
        f"First: the policy reads its own memory. Second: {memory}. A baseline is non-trivial when the lower end of "
        f"its interval is above chance, or above {NO_CHANCE} where guessing has no rate."
    )
    meaning += f" Left out: {', '.join(trivial)}." if trivial else ""
    missing = not_measured(f"a control with memory={memory}")
    if trivial:
        missing = f"no baseline above chance: {', '.join(trivial)}"
    return Statement(text, INTERVENTIONS, meaning, tuple(found), judge_greater(found, rules), missing)


def gap_at_one(samples: Samples, rules: Rules) -> Statement:
    """Compare the gap of memory over zeros at chunk 1 with the gap at every longer chunk."""
    found = []
    for (variant, environment), conditions in samples.items():
        steps = sorted({one.steps for one in conditions if one.steps and one.environment_unchanged})
        gaps = {}
        for step in steps:
            own, zeroed = conditions.get(chunked(step)), conditions.get(chunked(step, "zero"))
            if own is not None and zeroed is not None:
                gaps[step] = (own, zeroed)
        found += [
            gap_versus(f"{variant}, {environment}, 1 against {step}", gaps[1], gaps[step], rules)
            for step in gaps
            if step > 1 and 1 in gaps
        ]
    run = tuple(one for one in found if one is not None)
    meaning = (
        "First: successes with memory − with zeros, at every step re-planned. Second: the same with longer chunks. The "
        "difference is the share of episodes with a greater gap minus that with a smaller one."
    )
    statement = "The gap between memory and no memory is largest at chunk 1"
    missing = not_measured("controls with memory=zero, and with open_loop_steps with and without memory=zero")
    return Statement(statement, SWEEP, meaning, run, judge_greater(run, rules), missing)


def k2_dominates(samples: Samples, rules: Rules) -> list[Statement]:
    """Compare K=2 with the other two carriers, in the table's own cell and with each number of unseen colours."""
    kinds = {"in distribution": (0,), "with unseen colours": UNSEEN}
    found_statements = []
    for where, numbers in kinds.items():
        found = [
            versus(f"{environment}, {number} unseen, {other}", first, second, rules)
            for environment in _probed(samples)
            for number in numbers
            for other in (K8, EMA)
            if (first := _sample(samples, K2, environment, number))
            and (second := _sample(samples, other, environment, number))
        ]
        meaning = f"First: {K2}. Second: {K8} and {EMA}, where all were run with delays or unseen colours."
        text, missing = f"K=2 dominates {where}", _carriers("unseen_colours")
        found_statements.append(
            Statement(text, GENERALISATION, meaning, tuple(found), judge_greater(found, rules), missing)
        )
    return found_statements


def k2_degrades_fastest(samples: Samples, rules: Rules) -> Statement:
    """Compare the drop from the shortest to the longest phases of K=2 with that of the others."""
    found = []
    for environment in _probed(samples):
        ends = {variant: _ends(samples, variant, environment) for variant in (K2, K8, EMA)}
        for other in (K8, EMA):
            first, second = ends[K2], ends[other]
            if first is not None and second is not None and first[0] == second[0]:
                found.append(gap_versus(f"{environment}, {other}, {first[0]}", first[1], second[1], rules))
    run = tuple(one for one in found if one is not None)
    meaning = (
        f"First: {K2}'s successes in the shortest − in the longest phases. Second: {K8}'s and {EMA}'s. The difference "
        "is the share of episodes with a greater drop minus that with a smaller one."
    )
    text = "K=2 degrades fastest with the length of the phases"
    return Statement(text, GENERALISATION, meaning, run, judge_greater(run, rules), _carriers("phases"))


def k8_flat_but_low(samples: Samples, rules: Rules) -> list[Statement]:
    """Compare K=8 in the shortest and the longest phases, and with K=2 in the shortest."""
    flat, low = list[Versus](), list[Versus]()
    for environment in _probed(samples):
        ends, better = _ends(samples, K8, environment), _ends(samples, K2, environment)
        if ends is not None:
            flat.append(versus(f"{environment}, {ends[0]}", *ends[1], rules))
        if ends is not None and better is not None and ends[0] == better[0]:
            low.append(versus(f"{environment}, {ends[0]}", better[1][0], ends[1][0], rules))
    meaning = (
        "First: the shortest phases. Second: the longest. Here holds means that they are the same within the margin, "
        "does not hold that they differ in either direction."
    )
    missing = _carriers("phases")
    flat_text = "K=8 is flat over the length of the phases"
    low_meaning = f"First: {K2} in the shortest phases. Second: {K8}."
    return [
        Statement(flat_text, GENERALISATION, meaning, tuple(flat), judge_same(flat, rules), missing, equivalence=True),
        Statement("K=8 is low", GENERALISATION, low_meaning, tuple(low), judge_greater(low, rules), missing),
    ]


def ema_collapses(samples: Samples, rules: Rules) -> Statement:
    """Compare EMA in the shortest and the longest phases, and the latter with chance."""
    found, still = [], False
    for environment in _probed(samples):
        if (ends := _ends(samples, EMA, environment)) is not None:
            found.append(versus(f"{environment}, {ends[0]}", *ends[1], rules))
            still = still or above_chance(ends[1][1], rules)
    verdict = judge_greater(found, rules)
    verdict = Answer.DOES_NOT if verdict is Answer.HOLDS and still else verdict
    meaning = "First: the shortest phases. Second: the longest, which must not be above chance by its interval either."
    text = "EMA collapses with the length of the phases"
    return Statement(text, GENERALISATION, meaning, tuple(found), verdict, _carriers("phases"))


def _carriers(key: str) -> str:
    return not_measured(f"controls with {key} of {K2}, {K8} and {EMA}")


def _probed(samples: Samples) -> list[str]:
    """Return the environments in which some policy was run with delays or unseen colours."""
    return sorted({environment for variant, environment in samples if _sample(samples, variant, environment, 0)})


def _sample(samples: Samples, variant: str, environment: str, unseen: int) -> Sample | None:
    """Return the sample with so many unseen colours; None for policies run with neither delays nor unseen colours."""
    conditions = samples.get((variant, environment), {})
    return None if all(one.environment_unchanged for one in conditions) else conditions.get(recoloured(unseen))


def _ends(samples: Samples, variant: str, environment: str) -> tuple[str, tuple[Sample, Sample]] | None:
    """Return "3 to 100 steps" and the samples of the shortest and the longest phases; None unless two were run."""
    conditions = samples.get((variant, environment), {})
    run = [length for length in sorted(one.phases for one in conditions if one.phases) if delayed(length) in conditions]
    if len(run) < 2:
        return None
    return f"{run[0]} to {run[-1]} steps", (conditions[delayed(run[0])], conditions[delayed(run[-1])])
