"""One file of the Hub, by plain HTTP, going on where an earlier transfer stopped: also one that was killed.

huggingface_hub's own hf_hub_download (2.4) starts a killed transfer from nothing, under a new temporary name. So this
uses what lies beneath it (metadata, http_get with its retries), with a .part file of a fixed name beside the target.
"""

import fcntl
import os
from pathlib import Path
from urllib.parse import urlsplit

# Read when huggingface_hub is imported. Xet's own protocol does not resume and is not what the tests break.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers


def transfer(name: str, kind: str, file: str, commit: str, target: Path, size: int | None) -> Path:
    """Download `file` of the repository `name` at `commit`; return the .part file that holds all of it, unchecked.

    size: bytes that are announced. Two processes that ask for one file take turns. Raises what huggingface_hub raises;
    the part that has arrived is kept.
    """
    part = target.with_name(f".{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    url = hf_hub_url(name, file, repo_type=kind, revision=commit)
    headers = build_hf_headers()
    location = get_hf_file_metadata(url).location
    if urlsplit(location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the token is for the Hub, not for where it stores its files
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        have = stream.seek(0, os.SEEK_END)
        if size is not None and have > size:
            have = stream.seek(0)
            stream.truncate()
        http_get(location, stream, resume_size=have, headers=headers, expected_size=size, displayed_filename=file)
    return part
