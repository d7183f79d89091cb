"""The paper's Figures 3 and 4, of our runs."""

from pathlib import Path

from offline_train.ablations.scores import Spread
from offline_train.tables import published
from offline_train.tables.figures import Guidance, Point, draw_bars, draw_guidance, guidance_of
from offline_train.tables.fill import to_fill
from offline_train.tables.groups import Group, Results
from offline_train.tables.notes import MISSING, Notes, shown, signed, spread_of, table
from offline_train.tables.published import CORPORA, PAPER


def figure3(results: Results, notes: Notes, folder: Path | None) -> str:
    """How much the annotator's quality matters."""
    found = [each for each in results.content["ablations"].values() if each["experiment"] == "annotators"]
    panels: dict[str, Guidance] = {}
    rows = []
    for summary in found:
        name = CORPORA.get(summary["corpus"], summary["corpus"])
        note = notes.refer(notes.of_commands(f"annotators, {summary['corpus']}", [summary["command"]]))
        without = next(row for row in summary["rows"] if row["name"] == "none")
        base = spread_of(without["test"]["weighted_f1"])
        for row in summary["rows"]:
            spread = spread_of(row["test"]["weighted_f1"])
            agreed = row.get("agreement")
            gain = (
                MISSING
                if row["name"].split(",")[0] == "none"
                else f"{100 * (spread.mean / base.mean - 1):+.2f} %"
            )
            gain = MISSING if row["name"].endswith(", II") else gain
            told = MISSING if agreed is None else f"{agreed:.1f} %"
            rows.append([f"{name}: {row['name']}", told, f"{shown(spread)} {note}", gain])
        if guidance := guidance_of(summary):
            panels.setdefault(name, guidance)
    for corpus, name in CORPORA.items():
        if not any(summary["corpus"] == corpus for summary in found):
            todo = to_fill(notes, "annotators", corpus)
            rows.append([name, MISSING, f"{MISSING} {todo}", MISSING])
    said = ", ".join(f"{name} {value:.2f} %" for name, value in published.PAPER_AGREEMENT.items())
    gains = ", ".join(f"{CORPORA[corpus]} +{value:g} %" for corpus, value in published.PAPER_GUIDANCE.items())
    picture = []
    if panels:
        picture = ["![weighted F1 against agreement](figures/annotators.svg)"]
        if folder is not None:
            draw_guidance(panels, folder / "annotators.svg")
    return "\n\n".join(
        (
            "## Figure 3: annotators",
            "Text Stage I without pre-training (none) and pre-trained on the labels of annotators that agree"
            f" with people to various degrees. The paper: {gains} relative, from GPT-3.5 Turbo;"
            f" agreement {said}.",
            *picture,
            table(["annotator", "agreement", "test weighted F1", "against none"], rows),
        )
    )


def figure4(results: Results, notes: Notes, folder: Path | None) -> str:
    """Hierarchical against joint training."""
    rows, bars = [], {}
    for corpus, name in CORPORA.items():
        paper = f"{PAPER[corpus][4]:.2f} / {published.PAPER_JOINT.get(corpus, 'about 2 lower')}"
        pair = comparable(results, corpus)
        if pair is None:
            todo = to_fill(notes, "joint", corpus)
            rows.append([name, *[f"{MISSING} {todo}"] * 2, MISSING, MISSING, paper])
            continue
        spreads = [group.score("test", "weighted_f1") for group in pair]
        cells = [notes.cell(spread, group) for spread, group in zip(spreads, pair, strict=True)]
        parents = {tuple(record["parents"]): record for _, record in pair[1].runs}
        gains = Spread(
            dict(
                enumerate(
                    record["scores"]["test"]["weighted_f1"]
                    - parents[tuple(record["parents"])]["scores"]["test"]["weighted_f1"]
                    for _, record in pair[0].runs
                    if tuple(record["parents"]) in parents
                )
            )
        )
        rows.append([name, *cells, *signed(gains), paper])
        bars[name] = [
            Point(kind, 0.0, spread.mean, spread.std)
            for kind, spread in zip(("hierarchical", "joint"), spreads, strict=True)
            if spread
        ]
    picture = []
    if bars:
        picture = ["![hierarchical against joint](figures/joint.svg)"]
        if folder is not None:
            draw_bars(bars, folder / "joint.svg")
    header = ["", "hierarchical", "joint", "difference", "by seed", "paper, hierarchical / joint"]
    return "\n\n".join(
        (
            "## Figure 4: hierarchical against joint",
            "Test weighted F1 of the fusion where Stages II are frozen in Stage III, and where they are"
            " trained with it from scratch on the same Stages I.",
            *picture,
            table(header, rows),
        )
    )


def comparable(results: Results, corpus: str) -> tuple[Group, Group] | None:
    """The best hierarchical recipe that has a joint one on the same runs, and the best such."""
    for hierarchical in results.select("fused III", corpus):
        parents = {tuple(record["parents"]) for _, record in hierarchical.runs}
        for together in results.select("fused III", corpus, joint=True):
            if parents & {tuple(record["parents"]) for _, record in together.runs}:
                return hierarchical, together
    return None
