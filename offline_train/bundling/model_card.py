"""The model card of a bundle, from its manifest and templates/model_card.md.jinja."""

import re
from pathlib import Path

from models.manifest import Manifest
from offline_train.corpora.citations import citation
from offline_train.results_page.markdown import environment, fill

_STAGES = {
    "text1": "words I",
    "text2": "words II",
    "speech1": "sound I",
    "speech2": "sound II",
    "fusion": "fusion III",
}


def model_card(manifest: Manifest) -> str:
    """The card in Markdown: description, training, scores and limitations."""
    judged = {split: manifest.metrics.get(f"bundle_{split}") for split in ("validation", "test")}
    return fill(
        TEMPLATES,
        "model_card",
        manifest=manifest,
        seeds={name: seed for name, seed in manifest.training["seeds"].items() if seed is not None},
        reports={split: report for split, report in judged.items() if report},
        private=any(re.search("NC|research", each["terms"]) for each in manifest.training["data"]),
    )


def _stage(run: str) -> str:
    """Readable form of a run's name in `lineage`."""
    stage, *ancestors = run.split(".", 1)
    return f"{_STAGES[stage]} ({ancestors[0].replace('.', ' ')})" if ancestors else _STAGES[stage]


TEMPLATES = environment(Path(__file__).parent / "templates")
TEMPLATES.filters |= {
    "stage": _stage,
    "title_of": lambda corpus: citation(corpus).title.partition(" (")[0],
    "base_name": lambda base: base.rstrip("/\\").replace("\\", "/").rpartition("/")[2],
}
