"""The Croissant description of a collected data set."""

from pathlib import Path

from muvla import croissant
from muvla.data.rlds.dataset import VERSION
from muvla.files import Json
from muvla.provenance import now

ENCODINGS = {".json": "application/json", ".npz": "application/x-npz"}


def described(name: str, target: Path, summary: Json) -> Json:
    """Describe the data set in `target` by its files; loaders of TFRecord files find all else in features.json.

    summary: the content of collection.json.
    """
    files = [
        croissant.file(path, f"{target.name}/{path.name}", ENCODINGS.get(path.suffix, "application/x-tfrecord"))
        for path in sorted(target.iterdir())
    ]
    said = (
        f"{summary['succeeded']} demonstrations of {summary['config']['environment']} by a scripted expert, which "
        f"succeeded in {summary['succeeded']} of {summary['attempted']} attempts; RLDS in the directory format of TFDS."
    )
    return croissant.dataset(name, said, files, [], version=VERSION, date=now())
