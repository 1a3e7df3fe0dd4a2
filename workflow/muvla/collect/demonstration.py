"""One demonstration: the expert acts in the real simulator, and each frame is recorded (spec 3.1, 14).

The executed action is the expert's plus noise, the recorded one the expert's own: states vary, labels stay clean. After
the success the tool is carried off for some frames, so that the demonstrations show from where to come back and when
not to go on, and then it rests.
Letters: T frames, n objects.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muvla.collect.experts import expert_for
from muvla.collect.experts.choice import ChoiceExpert
from muvla.collect.scene import assemble, observe
from muvla.data.episode import Counterfactual, Episode
from muvla.data.scene import Scene
from muvla.files import replacing
from muvla.sim.contract import Simulator

RESTING = 5  # of the frames held after a success: the last ones, in which nothing disturbs the expert
CARRIED = 2.0  # the noise that carries the tool off before, the same in each frame, as a multiple of the other noise


@dataclass(frozen=True)
class Manner:
    """How demonstrations are made; fields as in CollectSettings, which documents and checks them."""

    noise: float
    rotation_noise: float
    quiet_distance: float
    hold_steps: int
    grip_lag: int = 0


@dataclass(frozen=True)
class Demonstration:
    """The result of one seed: no episode where the expert failed.

    No counterfactual where nothing is chosen.
    """

    seed: int
    success: bool
    episode: Episode | None = None
    counterfactual: Counterfactual | None = None
    scene: Scene | None = None


def demonstrate(env: Simulator, seed: int, manner: Manner) -> Demonstration:
    """Run the expert on the episode `seed`; the same arguments give the same result in every process.

    The episode's limit ends the attempt, not the frames held after a success.
    """
    expert = expert_for(env.environment)
    rng = np.random.default_rng(seed)
    scale = np.array([manner.noise] * 3 + [manner.rotation_noise] * 3 + [0.0])
    env.max_steps = env.row.max_steps + manner.hold_steps
    observation, info = env.reset(seed=seed)
    images, proprio, actions, phases, places, plans_to = [], [], [], [], [], []
    success, held, drift = False, 0, np.zeros(7)
    grip, late = np.nan, 0  # the gripper's last executed command; frames until it follows the expert's
    while held <= manner.hold_steps and (success or env.steps < env.row.max_steps):
        action = expert.act(env)
        images.append(observation["image"])
        proprio.append(observation["proprio"])
        actions.append(action)
        places.append(observe(env))
        if isinstance(expert, ChoiceExpert):
            phases.append(expert.phase(env))
            plans_to.append(expert.plans(env))
        # Drawn in every frame, used or not, so that using it does not shift the noise of later frames.
        noise = rng.normal(size=7) * scale
        if success:
            noise = drift if held <= manner.hold_steps - RESTING else 0 * noise
        elif expert.distance(env) < manner.quiet_distance:
            noise[:] = 0
        executed = np.clip(action + noise, -1, 1).astype(np.float32)
        if manner.grip_lag and abs(action[6] - grip) > 0:  # false in the first frame
            late = late - 1 if late else int(rng.integers(manner.grip_lag + 1))
            executed[6] = grip if late else action[6]
        else:
            late = 0
        grip = float(executed[6])
        observation, _, _, _, info = env.step(executed[None])
        if info["success"] and not success:
            success, drift = True, CARRIED * rng.normal(size=7) * scale
            drift[2] = abs(drift[2])  # upwards: below are the objects and the table
        held += success
    if not success:
        return Demonstration(seed, False)
    episode = Episode(
        environment=env.environment,
        instruction=info["instruction"],
        images=np.stack(images),
        proprio=np.stack(proprio),
        actions=np.stack(actions),
        file_path=f"{env.environment}/seed-{seed}",
    )
    scene = assemble(places)
    if not isinstance(expert, ChoiceExpert):
        return Demonstration(seed, True, episode, scene=scene)
    names = expert.names(env)
    objects = [scene.names.index(name) for name in names]
    counterfactual = Counterfactual(
        seed=seed,
        success=True,
        cue_steps=phases.count("cue"),
        empty_steps=phases.count("empty"),
        target=expert.target(env),
        names=names,
        positions=scene.positions[phases.index("act"), objects],
        plans_to=np.stack(plans_to),
    )
    return Demonstration(seed, True, episode, counterfactual, scene)


def part_file(folder: Path, seed: int) -> Path:
    """Return the file that keeps the result of one seed until the data set is assembled."""
    return folder / f"seed-{seed:010d}.npz"


def save_part(folder: Path, demonstration: Demonstration) -> None:
    """Write one result atomically. Raises OSError when the disk is full."""
    arrays: dict[str, np.ndarray] = {"success": np.array(demonstration.success)}
    if (episode := demonstration.episode) is not None:
        arrays |= {"instruction": np.array(episode.instruction), "images": episode.images}
        arrays |= {"proprio": episode.proprio, "actions": episode.actions}
    if (other := demonstration.counterfactual) is not None:
        arrays |= {"phases": np.array([other.cue_steps, other.empty_steps, other.target], np.int64)}
        arrays |= {"names": np.array(other.names, np.str_), "positions": other.positions, "plans_to": other.plans_to}
    if (scene := demonstration.scene) is not None:
        arrays |= {"scene_names": np.array(scene.names, np.str_), "scene_positions": scene.positions}
        arrays |= {"scene_visible": scene.visible, "scene_cameras": scene.cameras}
    with replacing(part_file(folder, demonstration.seed)) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def part_succeeded(folder: Path, seed: int) -> bool | None:
    """Say whether `seed` succeeded; None where its part is missing or damaged, and has to be made again."""
    try:
        with np.load(part_file(folder, seed), allow_pickle=False) as stored:
            return bool(stored["success"])
    except (FileNotFoundError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def load_part(folder: Path, environment: str, seed: int) -> Demonstration:
    """Read what save_part wrote. Raises ValueError for a damaged file, naming it."""
    file = part_file(folder, seed)
    try:
        with np.load(file, allow_pickle=False) as stored:
            part = {name: stored[name] for name in stored.files}
        if not part["success"]:
            return Demonstration(seed, False)
        episode = Episode(
            environment=environment,
            instruction=str(part["instruction"]),
            images=part["images"],
            proprio=part["proprio"],
            actions=part["actions"],
            file_path=f"{environment}/seed-{seed}",
        )
        scene = counterfactual = None
        if "scene_names" in part:
            names = tuple(part["scene_names"].tolist())
            scene = Scene(names, part["scene_positions"], part["scene_visible"], part["scene_cameras"])
        if "phases" in part:
            cue, empty, target = (int(value) for value in part["phases"])
            names = tuple(part["names"].tolist())
            counterfactual = Counterfactual(seed, True, cue, empty, target, names, part["positions"], part["plans_to"])
        return Demonstration(seed, True, episode, counterfactual, scene)
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zipfile.error) as error:
        raise ValueError(f"{file} is damaged ({error}). Remove it and run the same command again.") from error
