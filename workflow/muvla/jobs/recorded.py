"""Where tables are made of records that come along (bundled.py): what is evaluated again, and what is missing."""

from muvla.jobs import bundled, matrix
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell


def sample(config: Configuration) -> list[Cell]:
    """Return the cells of Table 1 that are evaluated again where records come along: those of which some do."""
    if not bundled.shown(config):
        return []
    places = config["sample"]
    cells = [Cell(variant, environment) for variant in places["variants"] for environment in places["environments"]]
    return [cell for cell in cells if cell in bundled.records()]


def missing(config: Configuration) -> list[Cell]:
    """Return the evaluations of the configuration of which no records come along, although tables are made of them."""
    if not bundled.shown(config):
        return []
    wanted = [*matrix.first_seed(config), *matrix.repeated(config)]
    if bundled.shown(config, "libero/"):
        wanted += [cell for home in matrix.seeds(config) for cell in matrix.libero_table(config, home)]
    return [cell for cell in wanted if cell not in bundled.records()]
