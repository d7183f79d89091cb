"""`merits-train annotate`."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from offline_train.commands.options import command_line
from offline_train.corpora.corpus import Split
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.annotators.base import Annotator
    from offline_train.annotators.texts import Texts

_ASK, _FROM, _OTHER, _JUDGE = "LLM", "Texts", "Other annotators", "Agreement"
_LLM = ("model", "base_url", "api_key_file", "prompt_file", "asks", "concurrency", "max_retries", "backoff")
_ONLY_FOR = {
    **dict.fromkeys((*_LLM, "timeout", "price_in", "price_out", "retry_set_aside"), ("llm",)),
    "bundle": ("classifier",),
    "teacher": ("teachers",),
    "labels": ("classifier", "corpus"),
    "agreement": ("corpus",),
    "seed": ("corpus",),
}
_OF_CORPUS = ("corpus", "data", "split", "transcripts", "valence_scale")


def annotate(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Annotations, JSON Lines; gone on with if it is there.")],
    annotator: Annotated[
        Literal["llm", "lexicon", "classifier", "teachers", "corpus"],
        typer.Option(
            help="llm: any OpenAI-compatible endpoint; lexicon: VADER; classifier: a bundle of ours;"
            " teachers: runs of Stage I, for a smaller encoder to learn from; corpus: what people said."
        ),
    ] = "llm",
    corpus: Annotated[str | None, typer.Option(help="Take a corpus' texts.", rich_help_panel=_FROM)] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the corpus.", rich_help_panel=_FROM)] = None,
    split: Annotated[
        Literal["train", "validation", "test", "all"],
        typer.Option(help="Which part of it.", rich_help_panel=_FROM),
    ] = "train",
    transcripts: Annotated[
        Path | None,
        typer.Option(
            help="From `transcribe`: the words to use instead of the corpus' own, or without a corpus.",
            rich_help_panel=_FROM,
        ),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Take a file: a text a line, or JSON Lines with text and, if wanted, id and context.",
            rich_help_panel=_FROM,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The first so many.", rich_help_panel=_FROM)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="By the endpoint's name for it.", rich_help_panel=_ASK)
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="E.g. http://localhost:11434/v1 (Ollama), http://localhost:8000/v1 (vLLM),"
            " http://localhost:8080/v1 (llama.cpp); OPENAI_BASE_URL or OpenAI itself if unset.",
            rich_help_panel=_ASK,
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help="Holds the key; OPENAI_API_KEY if unset. Local servers need none.", rich_help_panel=_ASK
        ),
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            help="Another prompt than the paper's; the text goes where it says \\[sentence].",
            rich_help_panel=_ASK,
        ),
    ] = None,
    asks: Annotated[
        int,
        typer.Option(min=1, help="So often at most, while answers are no label.", rich_help_panel=_ASK),
    ] = 3,
    retry_set_aside: Annotated[
        bool, typer.Option("--retry-set-aside", help="Ask again what was set aside.", rich_help_panel=_ASK)
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=_ASK)] = 8,
    timeout: Annotated[
        float, typer.Option(min=0.01, help="Seconds to wait for an answer.", rich_help_panel=_ASK)
    ] = 60.0,
    max_retries: Annotated[
        int, typer.Option(min=0, help="Of a request that fails, before it stops.", rich_help_panel=_ASK)
    ] = 8,
    backoff: Annotated[
        float,
        typer.Option(
            min=0.0, help="Seconds before the first retry; doubles with each.", rich_help_panel=_ASK
        ),
    ] = 1.0,
    price_in: Annotated[
        float | None, typer.Option(min=0.0, help="Of a million prompt tokens.", rich_help_panel=_ASK)
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0.0, help="Of a million completion tokens.", rich_help_panel=_ASK)
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="classifier: its folder or name.", rich_help_panel=_OTHER)
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="teachers: a finished run of `stage1 --modality text`; again for the mean of several.",
            rich_help_panel=_OTHER,
        ),
    ] = None,
    labels: Annotated[
        Literal["sentiment", "emotion"],
        typer.Option(help="classifier, corpus: what to write.", rich_help_panel=_OTHER),
    ] = "sentiment",
    agreement: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="corpus: share of labels to keep; the others are replaced on purpose by any other label.",
            rich_help_panel=_OTHER,
        ),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="corpus: of --agreement.", rich_help_panel=_OTHER)] = 1,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle",
            help="Report how far labels agree with people: valence below 3 is negative, above 5 positive, of"
            " 1..7; or the corpus' own sentiments. Without --annotator and --model: what is in --out.",
            rich_help_panel=_JUDGE,
        ),
    ] = False,
    valence_scale: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Ends of the corpus' valence scale; known for IEMOCAP and MSP-PODCAST.",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    json_out: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help='The report as JSON; "-" for standard output.'),
    ] = None,
) -> None:
    """Label texts by their sentiment, as an LLM or another annotator sees it.

    A line that was interrupted goes on when it is given again; nothing is asked twice. Beside the output OUT
    are OUT.settings.json, OUT.set-aside.jsonl (texts whose answers were no label) and OUT.usage.json (tokens,
    cost).
    """
    from offline_train.annotators.agreement import agreement_with_people, show_agreement
    from offline_train.annotators.annotate import annotate as work
    from offline_train.annotators.base import EndpointError
    from offline_train.annotators.human import HumanAnnotator, human_label
    from offline_train.annotators.output import Output

    given = {name for name in ctx.params if str(ctx.get_parameter_source(name)).endswith("COMMANDLINE")}
    _check_options(given, annotator)
    if json_out not in (None, "-"):
        report_path = Path(str(json_out)).absolute()
        if report_path.is_dir() or not report_path.parent.is_dir():
            raise UsageError(f"cannot write {json_out}: it must be a file in a folder that is there")
    if texts is not None and (oracle or annotator == "corpus"):
        raise UsageError("people's labels come from a corpus: give --corpus and --data instead of --texts")
    there = _texts(corpus, data, None if split == "all" else split, transcripts, texts, valence_scale)
    report: dict[str, Any] = {"command": command_line(), "source": there.source}
    console = Console(stderr=json_out == "-", markup=False, emoji=False, highlight=False)

    if not oracle or given & {"annotator", "model"}:
        wanted = [text for text in there.texts if annotator != "corpus" or human_label(text, labels)][:limit]
        if not wanted:
            raise UsageError(f"{there.source} has no {labels} labels")
        with Output(out) as output:
            who: Annotator
            match annotator:
                case "llm":
                    from offline_train.annotators.endpoint import EndpointSettings, read_key
                    from offline_train.annotators.llm import LlmAnnotator
                    from offline_train.annotators.prompt import PAPER_PROMPT, read_prompt
                    from offline_train.annotators.usage import Usage

                    if model is None:
                        raise UsageError(
                            "say which model to ask with --model, and where it is with --base-url"
                        )
                    key = read_key(api_key_file, os.environ)
                    endpoint = EndpointSettings(model, base_url, key, max_retries, backoff, timeout)
                    usage = Usage.read(output.beside("usage.json"), price_in, price_out)
                    prompt = read_prompt(prompt_file) if prompt_file else PAPER_PROMPT
                    who = LlmAnnotator(endpoint, usage, prompt, asks, concurrency)
                case "lexicon":
                    from offline_train.annotators.lexicon import LexiconAnnotator

                    who = LexiconAnnotator()
                case "classifier":
                    from offline_train.annotators.classifier import ClassifierAnnotator

                    if bundle is None:
                        raise UsageError("say which bundle annotates, e.g. --bundle meld-small")
                    who = ClassifierAnnotator(bundle, labels)
                case "teachers":
                    from offline_train.annotators.teachers import TeacherAnnotator
                    from offline_train.run import Run

                    if not teacher:
                        raise UsageError("say which runs annotate, e.g. --teacher runs/meld/text1")
                    who = TeacherAnnotator([Run(folder) for folder in teacher])
                case "corpus":
                    who = HumanAnnotator(wanted, labels, agreement, seed)
            try:
                report |= work(who, wanted, there.source, output, retry_set_aside=retry_set_aside)
            except (EndpointError, OSError, KeyboardInterrupt) as error:
                done = sum(text.id in output.done for text in wanted)
                _stopped(error, f"{done:,} of {len(wanted):,} texts are annotated in {out}")
                raise typer.Exit(130 if isinstance(error, KeyboardInterrupt) else 1) from error
            if annotator == "llm":
                report["usage"] = usage.report()
        _show_labels(out, report, console)
    if oracle:
        report["oracle"] = agreement_with_people(out, there)
        show_agreement(report["oracle"], console)
    if json_out == "-":
        print(json.dumps(report, indent=2, ensure_ascii=False))
    elif json_out is not None:
        Path(json_out).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _check_options(given: set[str], annotator: str) -> None:
    def flag(name: str) -> str:
        return "--" + name.replace("_", "-")

    for name in sorted(given & _ONLY_FOR.keys()):
        if annotator not in _ONLY_FOR[name]:
            whose = " or ".join(_ONLY_FOR[name])
            raise UsageError(f"{flag(name)} is for --annotator {whose}, not for {annotator}")
    if "texts" in given and (clash := sorted(given & set(_OF_CORPUS))):
        raise UsageError(f"--texts takes a file and {flag(clash[0])} a corpus: leave one of them out")


def _texts(
    corpus: str | None,
    data: Path | None,
    split: Split | None,
    transcripts: Path | None,
    texts: Path | None,
    valence_scale: tuple[float, float] | None,
) -> "Texts":
    from offline_train.annotators.texts import corpus_texts, file_texts
    from offline_train.annotators.valence import Scale
    from offline_train.source import Source
    from offline_train.transcripts import corpus_of, read_transcripts

    if texts is not None:
        return file_texts(texts)
    scale = Scale(*valence_scale) if valence_scale else None
    if scale is not None and not scale.low < scale.high:
        raise UsageError("--valence-scale takes two numbers, the lower one first")
    if corpus is not None and data is not None:
        return corpus_texts(Source(corpus, data, transcripts=transcripts).read(), split, scale)
    if corpus is None and data is None and transcripts is not None:
        return corpus_texts(corpus_of("transcripts", read_transcripts(transcripts)), split)
    raise UsageError("say which texts: --corpus NAME --data FOLDER, or --texts FILE")


def _stopped(error: BaseException, progress: str) -> None:
    why = "interrupted" if isinstance(error, KeyboardInterrupt) else " ".join(str(error).split())
    print(f"merits-train: {why}: {progress}; the same line goes on from there", file=sys.stderr)


def _show_labels(out: Path, report: dict[str, Any], console: Console) -> None:
    counts = ", ".join(f"{label} {count:,}" for label, count in report["labels"].items())
    lines = [
        f"{out}: {report['annotated']:,} of {report['texts']:,} texts by {report['annotator']}: {counts}"
    ]
    if report["set_aside"]:
        lines.append(
            f"{report['set_aside']:,} set aside in {out}.set-aside.jsonl; --retry-set-aside asks again"
        )
    if usage := report.get("usage"):
        cost = "" if usage["cost"] is None else f", cost {usage['cost']:.4f}"
        missing = usage["answers_without_usage"]
        uncounted = f" ({missing:,} answers came without a count)" if missing else ""
        lines.append(
            f"{usage['requests']:,} requests, {usage['retries']:,} of them retries;"
            f" {usage['invalid_answers']:,} of {usage['answers']:,} answers were no label;"
            f" tokens {usage['prompt_tokens']:,} in, {usage['completion_tokens']:,} out{uncounted}{cost}"
        )
    console.print("\n".join(lines), soft_wrap=True)
