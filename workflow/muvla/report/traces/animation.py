"""An animation of tiles, small enough to be shown on a page."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from muvla.report.drawing import NOTE

LIMIT = 2_000_000  # bytes
TILE, GAP, LINE = 160, 4, 18  # pixels
MOST = 100  # steps that are tried at first: more never fit
DURATION = 300  # milliseconds a step
LAST = 1500  # the last one stays longer


def animation(draw: Callable[[int], list[list[np.ndarray]]], heads: Sequence[str], columns: Sequence[str]) -> bytes:
    """Make a GIF below LIMIT bytes of one sheet a step: rows of tiles (H, W, 3) uint8, columns named, a head above.

    draw: step -> rows of tiles. While the GIF is larger, every second step is left out, except the last.
    """
    every = max(1, len(heads) // MOST)
    while True:
        chosen = list(range(len(heads) - 1, -1, -every))[::-1]
        content = _gif([_sheet(draw(step), heads[step], columns) for step in chosen], every)
        if len(content) < LIMIT or len(chosen) == 1:
            return content
        every *= 2


def _sheet(rows: list[list[np.ndarray]], head: str, columns: Sequence[str]) -> Image.Image:
    """Draw one sheet: the head, the names of the columns, and the tiles enlarged without smoothing."""
    pitch = TILE + GAP
    sheet = Image.new("RGB", (GAP + pitch * len(columns), 2 * LINE + pitch * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    draw.text((GAP, 2), head, fill="black", font=font)
    for place, name in enumerate(columns):
        draw.text((GAP + place * pitch, LINE), name, fill=NOTE, font=font)
    for down, row in enumerate(rows):
        for across, tile in enumerate(row):
            resized = Image.fromarray(tile).resize((TILE, TILE), Image.Resampling.BOX)
            sheet.paste(resized, (GAP + across * pitch, 2 * LINE + down * pitch))
    return sheet


def _gif(sheets: list[Image.Image], every: int) -> bytes:
    stream = io.BytesIO()
    # Not the median cut: it has no colours left for a cube of a few pixels, which is what the episode is about.
    few = [sheet.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) for sheet in sheets]
    durations = [DURATION * every] * (len(few) - 1) + [LAST]
    few[0].save(stream, "GIF", save_all=True, append_images=few[1:], duration=durations, loop=0, optimize=False)
    return stream.getvalue()
