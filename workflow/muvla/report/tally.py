"""What a cell of a table counts: one record file, or the tasks of a suite together; and the marks of its doubts."""

from dataclasses import dataclass

from muvla.report.provenance import differences
from muvla.report.records import Cell, RecordsError

# What may differ between the tasks of a suite: the task itself, and the hash over a configuration that names it.
OWN_TO_A_TASK = ("environment", "config_hash")
NO_WIDTH = "z"
MARKS = {
    "e": "episodes ended in an error and are counted neither as successes nor as failures",
    "i": "fewer episodes than asked for",
    "x": "the last line of a record file was cut off and is not counted",
    "p": "a cell's episodes come from runs of different commits or checkpoint sources",
    "t": "tasks of the suite are missing",
    "w": "the simulator's start-up probe warned",
    NO_WIDTH: "every part of the average is at 0 or 1, where a bootstrap has no width; see their own intervals",
}


@dataclass(frozen=True)
class Tally:
    """Counts over one or more record files that answer one question."""

    successes: int
    episodes: int
    marks: str  # letters of MARKS
    scale: str
    parts: int  # record files with at least one line
    of: int  # how many there should be


def warnings(cell: Cell) -> list[str]:
    """What the simulator's start-up probe warned of; MIKASA-Robo has no probe."""
    return list(cell.question["simulator"].get("probe", {}).get("warnings", []))


def marks(cells: list[Cell], of: int) -> str:
    """Letters of MARKS that hold for these cells, in that order."""
    found = {
        "e": any(cell.errors for cell in cells),
        "i": any(cell.episodes + cell.errors < cell.asked for cell in cells),
        "x": any(cell.cut_line for cell in cells),
        "p": any(len({(run["commit"], run["checkpoint_source"]) for run in cell.runs}) > 1 for cell in cells),
        "t": len(cells) < of,
        "w": any(warnings(cell) for cell in cells),
    }
    return "".join(letter for letter, holds in found.items() if holds)


def check_one_question(cells: list[Cell]) -> None:
    """Raise RecordsError when cells that are counted together were asked different questions."""
    first = cells[0]
    for cell in cells[1:]:
        ours, theirs = (
            {key: value for key, value in one.question.items() if key not in OWN_TO_A_TASK} for one in (first, cell)
        )
        if different := list(differences(ours, theirs)):
            raise RecordsError(
                f"{first.path} and {cell.path} are counted together but answer different questions: "
                f"{'; '.join(different)}; evaluate the older of the two again"
            )


def tally(cells: list[Cell | None], of: int = 1) -> Tally | None:
    """Count the cells that hold a line; None when none does. Raises RecordsError as check_one_question does."""
    run = [cell for cell in cells if cell is not None and cell.records]
    if not run:
        return None
    check_one_question(run)
    successes, episodes = sum(cell.successes for cell in run), sum(cell.episodes for cell in run)
    return Tally(successes, episodes, marks(run, of), str(run[0].question["scale"]), len(run), of)
