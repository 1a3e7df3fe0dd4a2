"""One demonstration: the expert acts in the real simulator, and each frame is recorded (spec 3.1, 14).

The executed action is the expert's plus noise, the recorded one the expert's own: states vary, labels stay clean. After
the success the tool is carried off for some frames, so that the demonstrations show from where to come back and when
not to go on, and then it rests. Noise averages out and leaves the tool millimetres off; a shove moves it centimetres.
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
SHOVED = 4  # frames that a shove lasts at most
SHOVE_LOW = np.array([-1.0, -1.0, -0.3])  # the least of its direction: below are the objects and the table


@dataclass(frozen=True)
class Manner:
    """How demonstrations are made; fields as in CollectSettings, which documents and checks them."""

    noise: float
    rotation_noise: float
    quiet_distance: float
    hold_steps: int
    grip_lag: int = 0
    shoves: float = 0.0
    disturbed: str = "all"


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


class Executed:
    """What is executed in place of the expert's actions, in one episode.

    A policy that runs whole chunks needs some episodes in which nothing is: what comes after a disturbance is in no
    picture before it.
    """

    def __init__(self, seed: int, manner: Manner) -> None:
        self.manner, self.rng = manner, np.random.default_rng(seed)
        self.scale = np.array([manner.noise] * 3 + [manner.rotation_noise] * 3 + [0.0])
        self.drift = np.zeros(7)  # what carries the tool off after the success
        self.disturbed = manner.disturbed == "all" or seed % 2 == 1
        self.shove, self.shove_left = np.zeros(3), 0  # a shove's direction, and the frames it still lasts
        self.grip, self.late = np.nan, 0  # the gripper's last command; frames until it follows the expert's

    def before(self, action: np.ndarray, distance: float) -> np.ndarray:
        """Return what is executed before the success; distance as in Expert.distance."""
        if not self.disturbed:
            return action
        noise = self._noise()
        noisy = _added(action, noise if distance >= self.manner.quiet_distance else 0 * noise)
        return self._late(action, self._shoved(noisy))

    def after(self, action: np.ndarray, held: int) -> np.ndarray:
        """Return what is executed when `held` frames have passed since the success."""
        self._noise()
        carried = held <= self.manner.hold_steps - RESTING
        return self._late(action, _added(action, self.drift if carried else 0 * self.drift))

    def succeeded(self) -> None:
        """Draw what carries the tool off: upwards, for below are the objects and the table."""
        self.drift = CARRIED * self.rng.normal(size=7) * self.scale
        self.drift[2] = abs(self.drift[2])

    def _noise(self) -> np.ndarray:
        """Draw a frame's noise, used or not, so that using it does not shift that of later frames."""
        return self.rng.normal(size=7) * self.scale

    def _shoved(self, executed: np.ndarray) -> np.ndarray:
        if self.manner.shoves and not self.shove_left and self.rng.random() < self.manner.shoves:
            self.shove_left = int(self.rng.integers(1, SHOVED + 1))
            self.shove = self.rng.uniform(SHOVE_LOW, 1, size=3)
        if self.shove_left:
            self.shove_left -= 1
            executed[:3] = self.shove
        return executed

    def _late(self, action: np.ndarray, executed: np.ndarray) -> np.ndarray:
        """Keep the gripper's last command for some frames after the expert's has changed."""
        if self.manner.grip_lag and abs(action[6] - self.grip) > 0:  # false in the first frame
            self.late = self.late - 1 if self.late else int(self.rng.integers(self.manner.grip_lag + 1))
            executed[6] = self.grip if self.late else action[6]
        else:
            self.late = 0
        self.grip = float(executed[6])
        return executed


def _added(action: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return np.clip(action + noise, -1, 1).astype(np.float32)


def demonstrate(env: Simulator, seed: int, manner: Manner) -> Demonstration:
    """Run the expert on the episode `seed`; the same arguments give the same result in every process.

    The episode's limit ends the attempt, not the frames held after a success.
    """
    expert, disturbed = expert_for(env.environment), Executed(seed, manner)
    env.max_steps = env.row.max_steps + manner.hold_steps
    observation, info = env.reset(seed=seed)
    images, proprio, actions, phases, places, plans_to = [], [], [], [], [], []
    success, held = False, 0
    while held <= manner.hold_steps and (success or env.steps < env.row.max_steps):
        action = expert.act(env)
        images.append(observation["image"])
        proprio.append(observation["proprio"])
        actions.append(action)
        places.append(observe(env))
        if isinstance(expert, ChoiceExpert):
            phases.append(expert.phase(env))
            plans_to.append(expert.plans(env))
        executed = disturbed.after(action, held) if success else disturbed.before(action, expert.distance(env))
        observation, _, _, _, info = env.step(executed[None])
        if info["success"] and not success:
            success = True
            disturbed.succeeded()
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
    with (
        replacing(part_file(folder, demonstration.seed)) as scratch,
        # as np.savez_compressed, in a third of its time and hardly larger: a part is read once
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as part,
    ):
        for name, array in arrays.items():
            with part.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


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
