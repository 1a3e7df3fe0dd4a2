"""Pictures as bytes: PNG in and out, JPEG in."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

JPEG_MAGIC = b"\xff\xd8\xff"


def encode_png(picture: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 as PNG, lossless. The same picture gives the same bytes."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


def decode_picture(data: bytes) -> np.ndarray:
    """Decode PNG or JPEG to (H, W, 3) uint8, the pixels that TensorFlow gives for the same bytes.

    Raises:
        ValueError: not a picture, cut off, or not RGB.
    """
    if data.startswith(JPEG_MAGIC):
        # TensorFlow decodes with libjpeg's fast integer DCT. Pillow and OpenCV offer the accurate one only,
        # which differs by up to 7 levels.
        import simplejpeg

        return simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=True, fastupsample=False)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            if picture.mode != "RGB":
                raise ValueError(f"the picture's colours are {picture.mode}, not RGB")
            return np.asarray(picture)
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for broken PNG chunks
        raise ValueError(f"not a readable PNG ({error})") from error
