"""Whether tables are made of records that come along (bundled.py), what of them is evaluated again, what is missing."""

from muvla.jobs import bundled, matrix
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell


def shown(config: Configuration, home: str = "") -> bool:
    """Return whether tables are made of the bundled records: of the bundled policies, unless all is to be measured.

    home: as in matrix.Cell; LIBERO's tables are made so only where records of LIBERO come along.
    """
    wanted = (config["records"], config["checkpoints"], config["scale"]) == ("bundled", "released", "mini")
    return wanted and (not matrix.on_libero(home) or any(matrix.on_libero(key[3]) for key in bundled.records()))


def episodes(config: Configuration, cell: Cell) -> int:
    """Return how many episodes of `cell` are evaluated here: the sample's where records come along."""
    if not shown(config, cell.home):
        return matrix.episodes(config, cell)
    places = config["sample"]
    return places["libero"]["episodes"] if matrix.on_libero(cell.home) else places["episodes"]


def sample(config: Configuration) -> list[Cell]:
    """Return the cells that are evaluated again where records come along: those of which some do."""
    places = config["sample"]
    named = {"": places["environments"], "libero/": places["libero"]["tasks"]}
    cells = [
        Cell(variant, environment, home=home)
        for home, environments in named.items()
        if shown(config, home)
        for variant in places["variants"]
        for environment in environments
    ]
    return [cell for cell in cells if cell in bundled.records()]


def missing(config: Configuration) -> list[Cell]:
    """Return the evaluations of the configuration of which no records come along, although tables are made of them."""
    if not shown(config):
        return []
    wanted = [*matrix.first_seed(config), *matrix.repeated(config)]
    if shown(config, "libero/"):
        wanted += [cell for home in matrix.seeds(config) for cell in matrix.libero_cells(config, home)]
    return [cell for cell in wanted if cell not in bundled.records()]
