"""The sentences beneath a table that say how to read its cells."""

from muvla.report.caption import percent
from muvla.report.tables.entry import FLAGS, PAPER, Shape


def legend(scales: list[str], shape: Shape, flags: set[str], *, several: bool) -> list[str]:
    """Return sentences on how to read a cell of the table.

    flags: the letters that occur in it. several: some cell is over several training seeds.
    """
    rules = shape.rules
    confidence = percent(rules.confidence)
    sentences = [
        f"A cell shows the success rate (an episode counts if it succeeded once), its {confidence} Wilson interval and "
        "the number of episodes; a dash means not run. The paper's value stands beneath it, or beside the dash.",
        f"Averages weight all parts that were run equally and say how many of the parts these are; their {confidence} "
        f"intervals are bootstraps of {rules.resamples:,} draws within the parts.",
    ]
    if several:
        sentences.append("In parentheses after the episodes: training seeds, whose scatter the interval holds.")
    if PAPER in scales:
        sentences.append(
            f"Verdicts, single cells at the paper's scale against {shape.printed_episodes} printed episodes: = "
            f"reproduced, the {percent(1 - 2 * rules.significance)} interval of the difference lies within "
            f"±{rules.equivalence_margin:.2f}; ≠ differs, it does not and Fisher's exact p < {rules.significance:g}; "
            "? inconclusive. Not corrected for the number of cells."
        )
    else:
        sentences.append(
            "A value in parentheses is of the paper's policy, at its scale; nothing here is compared with it."
        )
    if flags:
        meanings = "; ".join(f"{letter}, {meaning}" for letter, meaning in FLAGS.items() if letter in flags)
        sentences.append(f"Marks: {meanings}.")
    return sentences
