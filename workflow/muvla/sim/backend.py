"""Whether this machine and this SAPIEN can run the simulator's backend, asked before a process is started for it."""

import importlib.metadata

from muvla.sim.vulkan import NoVulkan

GPU_ONLY = "3.0.0b1"  # the paper's SAPIEN, of containers/paper.lock (spec 0): it has no renderer for CPUs


def require_backend(backend: str) -> None:
    """Raises NoVulkan for "cpu" with the paper's SAPIEN, and for "gpu" where CUDA finds no GPU."""
    if backend == "cpu":
        if importlib.metadata.version("sapien") == GPU_ONLY:
            raise NoVulkan(
                f"Rendering is impossible because SAPIEN {GPU_ONLY} (containers/paper.lock) renders on GPUs only: use "
                "backend=gpu on a machine with a GPU, or the packages of containers/requirements.lock."
            )
        return
    import torch

    if not torch.cuda.is_available():
        raise NoVulkan(
            "Rendering is impossible because backend=gpu finds no GPU that CUDA can use: check `nvidia-smi` (in an "
            "image, `apptainer exec --nv`), or use backend=cpu with the packages of containers/requirements.lock."
        )
