"""A small model server of vla-eval's, numpy only: `python wire_server.py --address 127.0.0.1:8000 --args.fault=nan`.

It turns the arm towards one side; with `fault` it misbehaves from its `after`-th observation on.
"""

import os
import time
from typing import Any

import numpy as np
from vla_eval.model_servers.base import SessionContext
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.specs import (
    GRIPPER_CLOSE_NEG,
    GRIPPER_CLOSE_POS,
    IMAGE_RGB,
    LANGUAGE,
    POSITION_DELTA,
    RAW,
    ROTATION_AA,
    ROTATION_EULER,
    DimSpec,
)

ACTIONS = {
    "mikasa": {"position": POSITION_DELTA, "rotation": ROTATION_EULER, "gripper": GRIPPER_CLOSE_NEG},
    "libero": {"position": POSITION_DELTA, "rotation": ROTATION_AA, "gripper": GRIPPER_CLOSE_POS},
    "raw": {"actions": RAW},
}
ANSWER = np.array([0.5, -0.5, 0.1, 0, 0, 0, 1], np.float32)


class ScriptedServer(PredictModelServer):
    """Answer `chunk` equal actions at a time, or what `fault` says."""

    def __init__(
        self,
        benchmark: str = "mikasa",
        camera: str = "image",
        fault: str = "",
        after: int = 0,
        chunk: int = 1,
        keeps_chunk: bool = True,
    ) -> None:
        super().__init__(chunk_size=chunk if keeps_chunk and chunk > 1 else None)
        self.benchmark, self.camera, self.fault, self.after, self.chunk = benchmark, camera, fault, after, chunk
        self.seen: list[dict[str, Any]] = []

    def predict(self, obs: dict[str, Any], ctx: SessionContext) -> dict[str, Any]:
        self.seen.append(obs)
        if self.fault and len(self.seen) > self.after:
            match self.fault:
                case "nan":
                    return {"actions": ANSWER * np.nan}
                case "shape":
                    return {"actions": np.zeros(8, np.float32)}
                case "pose":
                    return {"pose": ANSWER}
                case "slow":
                    time.sleep(1.6)
                case "error":
                    raise KeyError("observation/image")
                case "dies":
                    os._exit(3)
        return {"actions": ANSWER if self.chunk == 1 else np.tile(ANSWER, (self.chunk, 1))}

    def get_action_spec(self) -> dict[str, DimSpec]:
        return ACTIONS[self.benchmark]

    def get_observation_spec(self) -> dict[str, DimSpec]:
        return {self.camera: IMAGE_RGB, "language": LANGUAGE}


if __name__ == "__main__":
    from vla_eval.model_servers.serve import run_server

    run_server(ScriptedServer)
