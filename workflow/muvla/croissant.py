"""Croissant 1.0, the metadata by which machine-learning data sets are found and loaded (MLCommons)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from muvla.files import Json, file_sha256

NAMESPACE = "http://mlcommons.org/croissant/"
# The terms that the standard asks every file to bind.
_OWN = (
    *("citeAs", "column", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes"),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
    *("replace", "separator", "source", "subField", "transform"),
)
CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": NAMESPACE,
    "dct": "http://purl.org/dc/terms/",
    "rai": f"{NAMESPACE}RAI/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _OWN},
}
CITATION = "arXiv:2606.12497 (the paper), and CITATION.cff of this software"
URL = "https://arxiv.org/abs/2606.12497"


def dataset(
    name: str, description: str, files: Sequence[Json], records: Sequence[Json], *, version: str, date: str
) -> Json:
    """Return the description of a data set. files: made by `file`; records: by `record_set`.

    version: three numbers; date: ISO 8601.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": f"{NAMESPACE}1.0",
        "license": "https://spdx.org/licenses/MIT",
        "url": URL,
        "citeAs": CITATION,
        "creator": {"@type": "sc:Organization", "name": "The muVLA-repro developers"},
        "version": version,
        "datePublished": date,
        "distribution": list(files),
        "recordSet": list(records),
    }


def file(path: Path, place: str, encoding: str) -> Json:
    """Describe one file. place: its path as seen from the description."""
    return file_of(place, encoding, file_sha256(path))


def file_of(place: str, encoding: str, sha256: str) -> Json:
    """Describe one file by its hash."""
    about = {"@type": "cr:FileObject", "@id": place, "name": place.rpartition("/")[2], "contentUrl": place}
    return about | {"encodingFormat": encoding, "sha256": sha256}


def record_set(name: str, description: str, source: str, fields: Json) -> Json:
    """Describe the records of the file `source`. fields: {column: its type, as sc:Text}."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "dataType": kind,
                "source": {"fileObject": {"@id": source}, "extract": {"column": column}},
            }
            for column, kind in fields.items()
        ],
    }
