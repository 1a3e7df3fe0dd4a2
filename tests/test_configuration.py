"""What a configuration may say, what a wrong one is told, and that schema, types and files agree."""

import copy
import re
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
import yaml
from snakemake.utils import update_config

from dry_runs import CONFIG, PAPER, REPOSITORY, SCHEMA, SMOKE
from muvla.benchmark.mikasa import MIKASA
from muvla.data.episode import dataset_name
from muvla.jobs import matrix, reference, shown, trainings
from muvla.jobs.configuration import Configuration, validated
from muvla.report.published import VARIANTS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"episods": 3}, "there is no key 'episods'; did you mean 'episodes'?"),
        (
            {"environments": ["RememberColour3"]},
            "environments[0]: 'RememberColour3' is unknown; did you mean",
        ),
        ({"episodes": 0}, "episodes: 0 is less than the minimum of 1"),
        ({"episodes": "many"}, "episodes: 'many' is not of type 'integer'"),
        ({"checkpoints": "train"}, "checkpoints: 'train' is unknown; did you mean 'trained'?"),
        ({"variants": ["oft", "oft"]}, "variants: ['oft', 'oft'] has non-unique elements"),
        (
            {"controls": [{"name": "a", "variant": "oft"}]},
            "controls[0]: 'environment' is a required property",
        ),
        (
            {"controls": [{**CONFIG["controls"][0], "memry": "zero"}]},
            "there is no key 'memry'; did you mean 'memory'?",
        ),
        ({"outputs": "my results"}, "outputs: 'my results' does not match"),
        ({"controls": [{**CONFIG["controls"][0], "trained_chunk": 16}]}, "trained_chunk is for scale paper"),
        (
            {"controls": [{"name": "a", "variant": "oft", "environment": "libero_object/0", "phases": 5}]},
            "controls: a asks for phases in libero_object/0; only MIKASA-Robo has them",
        ),
        ({"scale": "paper", "variants": ["pi05", "oft"]}, "variants: pi05 is trained at the mini scale only"),
    ],
)
def test_each_mistake_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        validated({**CONFIG, **change}, SCHEMA)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="m65_k2") as caught:
        validated({**CONFIG, "variants": ["m65_k2"], "episodes": -1, "colour": "red"}, SCHEMA)
    assert "episodes: -1" in str(caught.value)
    assert "no key 'colour'" in str(caught.value)


def test_controls_need_names_of_their_own() -> None:
    control = {"name": "zero", "variant": "m64_k2", "environment": "RememberColor3"}
    doubled = [{**control, "memory": "zero"}, {**control, "memory": "noise"}]
    with pytest.raises(ValueError, match="same variant, environment and name"):
        validated({**CONFIG, "controls": doubled}, SCHEMA)


def test_a_single_task_variant_brings_its_own_task() -> None:
    config = {**CONFIG, "variants": ["oft", "rc5_only"], "training_environments": ["RememberColor3"]}
    assert trainings.environments_of(config, "rc5_only") == ["RememberColor5"]
    assert trainings.environments_of(config, "oft") == ["RememberColor3"]
    assert trainings.demonstrated(config)[:2] == ["RememberColor3", "RememberColor5"]


def test_the_base_also_looks_at_scenes_that_no_variant_is_trained_on() -> None:
    config = {**CONFIG, "training_environments": ["RememberColor3"]}
    found = [Path(file).parent.name for file in trainings.data(config, "base", "")]
    assert found == ["remember_color_3_vla_v0", *(dataset_name(name) for name in trainings.looked_at(config, ""))]
    assert len(found) > 1
    assert set(trainings.looked_at(config, "")) <= set(trainings.demonstrated(config))
    assert len(trainings.data({**config, "scale": "smoke"}, "base", "")) == 1


def test_configurations_are_valid() -> None:
    validated(CONFIG, SCHEMA)
    for other in (SMOKE, {**PAPER, "scale": "paper"}):
        both = copy.deepcopy(CONFIG)
        update_config(both, other)
        validated(both, SCHEMA)


def test_names_are_the_same_everywhere() -> None:
    names = yaml.safe_load(SCHEMA.read_text("utf-8"))["$defs"]
    assert names["environment"]["enum"] == list(MIKASA.environments)
    assert names["variant"]["enum"] == list(VARIANTS)
    files = {path.stem for path in (REPOSITORY / "config" / "muvla" / "variant").glob("*.yaml")}
    assert files == {"base", *names["variant"]["enum"]}


def test_every_key_is_described() -> None:
    properties = yaml.safe_load(SCHEMA.read_text("utf-8"))["properties"]
    assert properties.keys() == CONFIG.keys() | PAPER.keys()
    assert reference.PAGE.read_text("utf-8") == reference.page(), "run: python -m muvla.jobs.reference"
    meanings = [line.split(" | ")[-1] for line in reference.page().splitlines() if line.startswith("| `")]
    assert len(meanings) > len(properties)
    assert all(len(meaning) > len("Of |") for meaning in meanings)


def test_the_types_have_the_keys_of_the_schema() -> None:
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    compared = []

    def compare(kind: Any, entry: dict[str, Any]) -> None:
        entry = schema["$defs"][entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
        if get_origin(kind) is list:
            kind, entry = get_args(kind)[0], entry["items"]
        if not is_typeddict(kind):
            return
        assert kind.__annotations__.keys() == entry["properties"].keys(), kind
        assert kind.__required_keys__ == set(entry["required"]), kind
        compared.append(kind.__name__)
        for name, inner in get_type_hints(kind).items():
            compare(inner, entry["properties"][name])

    compare(Configuration, schema)
    assert {
        "Configuration",
        "Control",
        "Libero",
        "LiberoSample",
        "Sample",
        "Repeated",
        "Effect",
        "Target",
        "Trace",
        "Site",
        "Hub",
        "Repository",
        "Comparison",
    } == {*compared}


def test_a_training_depends_on_every_file_that_decides_it() -> None:
    """smoke and the LIBERO scales build on mini; options that no file gives have their defaults in the source."""
    smoke = trainings.settings({**CONFIG, "scale": "smoke"}, "m64_k8", "")
    libero = trainings.settings({**CONFIG, "scale": "smoke"}, "m64_k8", "libero/")
    options = [f"workflow/muvla/train/{name}.py" for name in ("scale", "composed/scale", "settings")]
    own = ["config/muvla/variant/m64_k8.yaml", *options]
    assert smoke == [*(f"config/muvla/scale/{name}.yaml" for name in ("smoke", "mini")), *own]
    assert libero == [*(f"config/muvla/scale/{name}.yaml" for name in ("libero_smoke", "libero", "mini")), *own]
    assert all((REPOSITORY / path).is_file() for path in {*smoke, *libero})


def test_what_is_shown_is_evaluated_from_every_training_seed() -> None:
    effect = {**CONFIG["effect"], "environments": ["RememberColor3", "TakeItBack"]}
    config = {**CONFIG, "checkpoints": "trained", "training_seeds": [0, 1], "effect": effect}
    first = shown.effect_cells(config)
    assert {cell.environment for cell in first if not cell.control} == {"RememberColor3", "TakeItBack"}
    assert {cell.variant for cell in first} == {"m64_k2", "oft_episodic", "oft_first_obs"}
    assert matrix.of_every_seed(config, first) == [*first, *(cell._replace(home="seed1/") for cell in first)]
    assert matrix.of_every_seed({**config, "training_seeds": [3]}, first) == first


def test_the_effects_controls_are_found_by_their_conditions() -> None:
    place = {"variant": ["m64_k2", "m64_k8"], "environment": ["TakeItBack", "RememberColor5"]}
    conditions = [
        {"memory": "zero"},
        {"memory": "noise"},
        {"memory": "zero", "mode": "open_loop", "open_loop_steps": 4},
        {"phases": 5},
        {"memory": "zero", "mode": "receding", "phases": 5},
    ]
    controls = [{"name": f"c{number}", **place, **one} for number, one in enumerate(conditions)]
    controls.append({**place, "name": "other", "variant": "oft_episodic", "mode": "receding"})
    config = {**CONFIG, "controls": controls, "checkpoints": "trained"}  # of every variant there is a policy
    assert shown.effect_controls(config) == [
        matrix.Cell("m64_k2", "TakeItBack", "c0"),
        matrix.Cell("m64_k2", "RememberColor5", "c0"),
        matrix.Cell("oft_episodic", "TakeItBack", "other"),
        matrix.Cell("oft_episodic", "RememberColor5", "other"),
    ]
    assert len([cell for cell in shown.probes(config) if cell.control]) == len(conditions) * 4
