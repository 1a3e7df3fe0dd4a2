"""What the episode viewer is given: the numbers of the trace, every camera's pictures, the same bytes every time."""

import base64
import gzip
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_up_trace import made_up_trace, write_made_up
from made_up_viewer import EPISODES, lit_trace
from muvla.report.site import assets
from muvla.report.site.viewer import site_viewer
from muvla.report.site.viewer_episode import COLUMNS, FORMAT, encode
from muvla.report.templates import TEMPLATES


def unpacked(script: str) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and the arrays of an episode's script, read as its description says."""
    name, header, packed = json.loads(f"[{script.removeprefix('viewer.episode(').removesuffix(');' + chr(10))}]")
    content, arrays = gzip.decompress(base64.b64decode(packed)), {}
    for key, kind, shape in header["arrays"]:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        arrays[key] = np.frombuffer(content[:size], kind).reshape(shape)
        content = content[size:]
    assert not content
    return {"name": name, **header}, arrays


def test_numbers_come_back_as_they_were_traced() -> None:
    trace = made_up_trace()
    trace.attention[:] = np.random.default_rng(1).uniform(0, 0.01, trace.attention.shape)
    header, arrays = unpacked(encode("one", trace).script)
    assert (header["name"], header["format"], header["environment"]) == ("one", FORMAT, "RememberColor3")
    for name in ("norms", "distances", "actions"):
        np.testing.assert_array_equal(arrays[name], getattr(trace, name))
    np.testing.assert_allclose(arrays["shares"], trace.attention.sum(axis=-1), rtol=1e-6)
    restored = arrays["peaks"][..., None, None] * (arrays["attention"] / 255.0) ** 2
    assert np.abs(restored - trace.attention).max() < 0.005 * trace.attention.max()
    assert encode("one", trace) == encode("one", trace)


def test_a_sheet_holds_every_picture_and_the_end() -> None:
    trace = made_up_trace()
    for camera, content in enumerate(encode("one", trace).sheets.values()):
        sheet = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        for place, picture in enumerate([*trace.frames[:, camera], trace.end[camera]]):
            top, left = place // COLUMNS * 32, place % COLUMNS * 32
            assert np.abs(sheet[top : top + 32, left : left + 32] - picture).max() < 6, "WebP is not exact"


def test_without_memory_there_is_none_of_it() -> None:
    header, arrays = unpacked(encode("one", lit_trace(variant="oft_episodic")).script)
    assert header["queries"] == ["ACTION"]
    assert {"norms", "distances"}.isdisjoint(arrays)


def test_a_trace_that_cannot_be_read_is_listed_with_its_command(tmp_path: Path) -> None:
    good = write_made_up(tmp_path / "good.npz", lit_trace(**EPISODES["m64_k8-RememberColor3-8"]))
    (tmp_path / "old.npz").write_bytes(b"no archive")
    made = site_viewer(traces=[tmp_path / "old.npz", good], names=["old", "good"], untraced=[])
    index = made["index.js"]
    assert isinstance(index, str)
    listed = json.loads(index.removeprefix("viewer.index(").removesuffix(");\n"))["episodes"]
    assert "no traced episode" in listed[0]["fault"]
    assert listed[0]["command"] == f"rm {tmp_path}/old.npz && snakemake {tmp_path}/old.npz"
    assert (listed[1]["name"], listed[1]["benchmark"], listed[1]["success"]) == ("good", "MIKASA-Robo", False)
    with pytest.raises(ValueError, match="zip"):
        site_viewer(traces=[good], names=[], untraced=[])


def test_page_and_scripts_agree_on_the_format() -> None:
    scripts = [(TEMPLATES / "site" / name).read_text("utf-8") for name in assets.VIEWER if name.endswith(".js")]
    found = re.findall(r"\bFORMAT: (\d+)", "".join(scripts))
    assert found == [str(FORMAT)]
    assert not re.search(r"\b(fetch|import|XMLHttpRequest)\(", "".join(scripts).replace("fetch() its", ""))


def test_the_page_names_what_no_policy_could_trace() -> None:
    page = site_viewer(traces=[], names=[], untraced=[("m64_k8", ["TakeItBack", "RememberColor5"])])["viewer.html"]
    assert "The trace of m64_k8 in TakeItBack, RememberColor5 is missing." in str(page)
    assert "snakemake results/site/viewer.html --config checkpoints=trained" in str(page)
