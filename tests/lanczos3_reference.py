"""Makes lanczos3_reference.npz: python tests/lanczos3_reference.py

The definition, pixel by pixel in double precision, with nothing shared with the library: the weight of source pixel i
for target pixel j is L((i + 1/2 - (j + 1/2) * n/m) / max(n/m, 1)) with L(x) = sinc(x) sinc(x/3) for |x| < 3,
normalised; both axes at once; rounded and clipped once.
"""

import math
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".npz")


def kernel(x: float) -> float:
    if x == 0:
        return 1.0
    return 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2 if abs(x) < 3 else 0.0


def weights(n: int, m: int, j: int) -> list[float]:
    stretch = max(n / m, 1.0)
    found = [kernel((i + 0.5 - (j + 0.5) * n / m) / stretch) for i in range(n)]
    return [weight / math.fsum(found) for weight in found]


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    height, width, _ = picture.shape
    result = np.empty((size, size, 3), np.uint8)
    columns = [weights(width, size, j) for j in range(size)]
    for y in range(size):
        row = weights(height, size, y)
        for x in range(size):
            for c in range(3):
                terms = (
                    row[i] * columns[x][k] * float(picture[i, k, c])
                    for i in range(height) if row[i] for k in range(width) if columns[x][k]
                )  # fmt: skip
                result[y, x, c] = min(max(round(math.fsum(terms)), 0), 255)
    return result


if __name__ == "__main__":
    rng = np.random.default_rng(20261123)
    stored = {}
    for name, (height, width), size in (("up", (16, 13), 28), ("down", (30, 41), 12), ("sharp", (12, 12), 20)):
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if name == "sharp":
            picture = np.where(picture > 128, 255, 0).astype(np.uint8)
        stored |= {f"raw_{name}": picture, f"resized_{name}": resized(picture, size)}
    np.savez_compressed(FILE, **stored)
