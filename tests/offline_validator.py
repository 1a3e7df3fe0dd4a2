"""rocrate-validator without a network: the two JSON-LD contexts come from the installed rocrate, not from the web.

Run by the validators' own Python (containers/setup.sh validators). rocrate ships the context of RO-Crate 1.3; in 1.1
the terms of workflows have other names, and those of workflow runs are a context of their own.
"""

import json
import sys
from importlib import resources

import requests
from requests.adapters import HTTPAdapter
from rocrate_validator.cli.main import cli

BIOSCHEMAS, RUN = "https://bioschemas.org/", "https://w3id.org/ro/terms/workflow-run#"
WORKFLOWS = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
    "input": f"{BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}ComputationalWorkflow#output",
}
RUNS = ("ContainerImage", "containerImage", "sha256", "registry", "tag", "environment")


def contexts() -> dict[str, object]:
    """Return {end of the URL: content}."""
    shipped = json.loads(resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_text())
    return {
        "ro/crate/1.1/context": {"@context": {**shipped["@context"], **WORKFLOWS}},
        "ro/terms/workflow-run/context": {"@context": {name: RUN + name for name in RUNS}},
    }


def answer(self: HTTPAdapter, request: requests.PreparedRequest, **_: object) -> requests.Response:
    """Answer from `contexts`; every other address is out of reach."""
    for end, content in contexts().items():
        if str(request.url).endswith(end):
            response = requests.Response()
            response.status_code, response.url, response.request = 200, str(request.url), request
            response.headers["Content-Type"] = "application/ld+json"
            response._content = json.dumps(content).encode()
            return response
    raise requests.ConnectionError(f"{request.url} is not there")


HTTPAdapter.send = answer  # type: ignore[method-assign, assignment]
sys.exit(cli())
