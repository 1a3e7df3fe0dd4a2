"""SHA-256 of the container image that rules run in, for the provenance of what they make.

An image is gigabytes, and every job asks again: so the digest is kept beside Snakemake's own notes, with the size and
time of the file that it was taken of.
"""

import hashlib
import json
import os
from pathlib import Path

from muvla.files import write_atomically
from muvla.provenance import IMAGE_VARIABLE


def announce(images: list[str], notes: Path | str = ".snakemake/muvla_images.json") -> None:
    """Set MUVLA_IMAGE to {image: digest} of those `images` that can be named; Apptainer hands it to what it runs.

    An address (oras://host/name@sha256:...) has the digest that it names; Apptainer refuses other content. One with a
    tag has none, for a tag may move.
    """
    digests = {image: digest(image, notes) for image in dict.fromkeys(images) if Path(image).is_file()}
    digests |= {pulled(image): _of_address(image) for image in images if "://" in image}
    os.environ[IMAGE_VARIABLE] = json.dumps(digests)


def pulled(address: str) -> str:
    """Return the name of the file that Snakemake pulls an address into."""
    return hashlib.md5(address.encode(), usedforsecurity=False).hexdigest() + ".simg"


def _of_address(address: str) -> str:
    _, named, found = address.partition("@sha256:")
    return f"sha256:{found}" if named else f"unknown ({address} names no digest)"


def digest(image: Path | str, notes: Path | str) -> str:
    """Return "sha256:..." of a file; read it only if it is not the one noted. Raises OSError when it is not there."""
    image, notes = Path(image), Path(notes)
    state = image.stat()
    stamp = [state.st_size, state.st_mtime_ns]
    try:
        known = json.loads(notes.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get(str(image), [None])[:2] != stamp:
        with open(image, "rb") as stream:
            known[str(image)] = [*stamp, "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()]
        write_atomically(notes, json.dumps(known, indent=1) + "\n")
    return str(known[str(image)][2])
