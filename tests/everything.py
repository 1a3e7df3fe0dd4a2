"""What `snakemake all --configfile config/smoke.yaml` leaves, however it was run."""

from pathlib import Path

TARGETS = (
    "table_mikasa.tex",
    "table_libero.tex",
    "claims.md",
    "claims.csv",
    "tables.html",
    "probes/cue_swap.json",
    "figures/memory_effect.png",
    "figures/interventions.png",
    "figures/memory_dynamics/m64_k2/RememberColor5.png",
    "figures/attention/m64_k2/RememberColor5.gif",
    "figures/cosine_rollout/m64_k2/RememberColor5.svg",
    "figures/architecture.svg",
    "site/index.html",
    "site/tables.html",
)
NUMBERS = ("m64_k2 RememberColor5", "m64_k2 libero_object/0", "cue_swap.json")


def check_everything(results: Path) -> None:
    """Tables, figures, probes, LIBERO, and a page that says where every number comes from."""
    for name in TARGETS:
        assert (results / name).stat().st_size, name
    page = (results / "provenance.html").read_text("utf-8")
    assert all(number in page for number in NUMBERS)
