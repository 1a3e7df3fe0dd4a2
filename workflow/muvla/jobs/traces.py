"""Which episodes are traced, by the configuration's `traces`, and which of them the figures show."""

from muvla.jobs.configuration import Configuration, listed
from muvla.jobs.matrix import first_seed_of, has_checkpoint, home_of


def wanted(config: Configuration) -> dict[tuple[str, str], int]:
    """Return {(variant, environment or task): number of episodes} of what is traced and has a checkpoint."""
    return {
        (variant, environment): count
        for (variant, environment), count in _asked(config).items()
        if has_checkpoint(config, variant, home_of(environment))
    }


def missing(config: Configuration) -> dict[str, list[str]]:
    """Return {variant: environments or tasks} of the traces that are asked for and have no checkpoint."""
    found: dict[str, list[str]] = {}
    for variant, environment in _asked(config).keys() - wanted(config).keys():
        found.setdefault(variant, []).append(environment)
    return {variant: sorted(found[variant]) for variant in sorted(found)}


def _asked(config: Configuration) -> dict[tuple[str, str], int]:
    return {
        (variant, environment): trace["episodes"]
        for trace in config["traces"]
        for variant in listed(trace["variant"])
        for environment in listed(trace["environment"])
    }


def seeds(config: Configuration, environment: str, episodes: int) -> range:
    """Return the seeds of the first `episodes` episodes of an evaluation, which do not depend on any outcome."""
    first = first_seed_of(config, environment)
    return range(first, first + episodes)


def drawn(config: Configuration) -> list[tuple[str, str]]:
    """Return (variant, environment or task) of the traces whose first episode the figures show.

    They are those of the first variant of each entry of `traces`; the episode viewer shows all of them.
    """
    first = {
        (listed(trace["variant"])[0], environment)
        for trace in config["traces"]
        for environment in listed(trace["environment"])
    }
    return [place for place in wanted(config) if place in first]
