"""The trainings that follow from the configuration: their data, their settings, and where both lie.

home: where policies lie below <outputs>, as in muvla.jobs.matrix.Cell.
"""

import re
from functools import cache

import yaml

from muvla.data.episode import dataset_name
from muvla.files import ROOT
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import home_of, on_libero, variant_settings

SCALES = ROOT / "config" / "muvla" / "scale"
# options of `python -m muvla.train`
OPTIONS = tuple(f"workflow/muvla/train/{name}.py" for name in ("scale", "composed/scale", "settings"))


def settings(config: Configuration, variant: str, home: str) -> list[str]:
    """Return the files of the source tree that decide a training.

    They are its scale with the scales that this one builds on, its variant, and where the other options have defaults.
    """
    composed = [*(f"scale/{name}" for name in _with_defaults(scale_of(config, home))), f"variant/{variant}"]
    return [*(f"config/muvla/{name}.yaml" for name in composed), *OPTIONS]


@cache
def _with_defaults(scale: str) -> list[str]:
    """Return a scale and the files in its `defaults` list, and in theirs; _self_ and dataclasses begin with "_"."""
    content = yaml.load((SCALES / f"{scale}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    bases = [name for name in content.get("defaults", []) if not name.startswith("_")]
    return [scale, *(name for base in bases for name in _with_defaults(base))]


def scale_of(config: Configuration, home: str) -> str:
    """Return the file of config/muvla/scale/ that a training takes; small LIBERO policies have their own."""
    small = {"mini": "libero", "smoke": "libero_smoke"} if on_libero(home) else {}
    return small.get(config["scale"], config["scale"])


def base_threads(home: str) -> int:
    """Return the threads of a base's training: fixed, because they decide the order of sums and so the bytes."""
    return 1 if on_libero(home) else 2


def base_home(home: str) -> str:
    """Return the home of the base that policies of `home` start from: every training seed starts from the first's.

    It stands for a released vision-language-action model, of which there is one.
    """
    return re.sub(r"^seed\d+/", "", home)


def environments(config: Configuration, home: str) -> list[str]:
    """Return the option `environments` of muvla.train: environments, tasks, or LIBERO's published data sets."""
    if not on_libero(home):
        return config["training_environments"]
    return (
        [f"{suite}_no_noops" for suite in suites(config)] if config["scale"] == "paper" else config["libero"]["tasks"]
    )


def environments_of(config: Configuration, variant: str) -> list[str]:
    """Return the environments that `variant` is trained on: its own, if its file names some, else those of all."""
    own: list[str] | None = variant_settings(variant)["environments"]
    return own or config["training_environments"]


def data(config: Configuration, variant: str, home: str) -> list[str]:
    """Return, for each data set that `variant` is trained on, the file that is written last when it is complete.

    They are collected here at the mini scale, and fetched from the Hub (into the source tree) at the paper's.
    """
    sets = environments(config, home) if on_libero(home) else environments_of(config, variant)
    if variant == "base":
        sets = [*sets, *looked_at(config, home)]
    if config["scale"] == "paper":
        return [f"hub/datasets/{home_of(name) or 'mikasa/'}{dataset_name(name)}.json" for name in sets]
    return [collected(config, name) for name in sets]


def collected(config: Configuration, environment: str) -> str:
    """Return the file that is written last when an environment's demonstrations have been collected here."""
    return f"{config['outputs']}/data/{dataset_name(environment)}/collection.json"


def demonstrated(config: Configuration) -> list[str]:
    """Return the environments and tasks of which demonstrations may be collected: for training, and for cue_swap."""
    trained = [name for variant in config["variants"] for name in environments_of(config, variant)]
    named = [*config["training_environments"], *trained, config["effect"]["environments"][0], *looked_at(config, "")]
    named += config["libero"]["tasks"]
    return list(dict.fromkeys(named))


def demonstrations(config: Configuration, environment: str) -> int:
    """Return how many demonstrations of an environment of MIKASA-Robo are collected.

    Raises ValueError when the configuration gives a number for every environment but this one.
    """
    wanted = config["demonstrations"]
    if isinstance(wanted, int):
        return wanted
    if environment not in wanted:
        raise ValueError(f"demonstrations: there is no number for {environment}, which a policy learns from; add one")
    return wanted[environment]


def looked_at(config: Configuration, home: str) -> list[str]:
    """Return the environments whose scenes the base sees without learning to act in them; its scale names them."""
    for scale in _with_defaults(scale_of(config, home)):
        content = yaml.load((SCALES / f"{scale}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
        if (found := content.get("grounding", {}).get("looked_at")) is not None:
            return [each["environment"] for each in found]
    return []


def suites(config: Configuration) -> list[str]:
    """Return the LIBERO suites of which tasks are evaluated."""
    return list(dict.fromkeys(task.partition("/")[0] for task in config["libero"]["tasks"]))
