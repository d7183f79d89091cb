"""`merits-train annotate`, with a sub-command per annotator."""

import os
import random
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer
from rich.console import Console
from typer import Option

from docstring_options import documented
from offline_train.annotation.annotate import annotate as work
from offline_train.annotation.base import Annotator, EndpointError
from offline_train.annotation.llama_cpp import LlmName, serving
from offline_train.annotation.output import Output
from offline_train.annotation.texts import Texts, corpus_texts, file_texts
from offline_train.annotation.valence import Scale
from offline_train.commands.old_spelling import formerly
from offline_train.commands.options import (
    CORPUS,
    FOLDER,
    STANDARD_OUTPUT,
    JsonOut,
    check_writable,
    command_line,
    write_report,
)
from offline_train.errors import UsageError

Labels = Annotated[
    Literal["sentiment", "emotion"], Option(help="Kind of labels to write: sentiments or emotions.")
]


def _formerly(value: str, given: set[str]) -> str:
    return value or ("agreement" if "--oracle" in given and "--model" not in given else "llm")


annotate = typer.Typer(
    cls=formerly("--annotator", _formerly),
    help="Label texts by their sentiment, with an LLM or another annotator.\n\nThe same command resumes an"
    " interrupted job; no request is repeated. Beside the output OUT are OUT.settings.json,"
    " OUT.set-aside.jsonl (texts without a valid answer) and OUT.usage.json (tokens, cost).",
    no_args_is_help=True,
)


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """The texts, from a corpus, transcripts or a file.

    Attributes:
        split: Split of the corpus to annotate. [default: train]
        transcripts: Output of `merits-train transcribe` with words to use instead of the corpus' own; without
            --corpus, the texts.
        valence_scale: Lowest and highest valence on the scale of the corpus; known for IEMOCAP and
            MSP-PODCAST.
        texts: File of texts instead of a corpus: a text per line, or JSON Lines with text and optionally id
            and context.
    """

    panel: ClassVar = "Texts"

    corpus: Annotated[str | None, Option(help=CORPUS)] = None
    data: Annotated[Path | None, Option(help=FOLDER)] = None
    split: Literal["train", "validation", "test", "all"] | None = None
    transcripts: Path | None = None
    valence_scale: Annotated[tuple[float, float] | None, Option(metavar="LOW HIGH")] = None
    texts: Path | None = None

    def read(self, *, labelled: bool = False) -> Texts:
        """Read the texts.

        Args:
            labelled: whether human labels are needed.

        Raises:
            UsageError: options are missing or contradict each other, or the texts can't be read.
        """
        from offline_train.runs.run_corpus import RunCorpus
        from offline_train.transcription.transcripts import corpus_of, read_transcripts

        if self.texts is not None:
            for name in ("corpus", "data", "split", "transcripts", "valence_scale"):
                if getattr(self, name) is not None:
                    option = "--" + name.replace("_", "-")
                    raise UsageError(f"--texts takes a file and {option} a corpus: leave one of them out")
            if labelled:
                raise UsageError(
                    "people's labels come from a corpus: give --corpus and --data instead of --texts"
                )
            return file_texts(self.texts)
        scale = Scale(*self.valence_scale) if self.valence_scale else None
        if scale is not None and not scale.low < scale.high:
            raise UsageError("--valence-scale takes two numbers, the lower one first")
        split = None if self.split == "all" else self.split or "train"
        if self.corpus is not None and self.data is not None:
            source = RunCorpus(self.corpus, self.data, transcripts=self.transcripts)
            return corpus_texts(source.read(), split, scale)
        if self.corpus is None and self.data is None and self.transcripts is not None:
            return corpus_texts(corpus_of("transcripts", read_transcripts(self.transcripts)), split)
        raise UsageError("say which texts: --corpus NAME --data FOLDER, or --texts FILE")


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """How much to annotate, and where the labels go.

    Attributes:
        out: JSON Lines file of the annotations. An interrupted job is resumed from it.
        limit: Use only the first N utterances.
        shuffle: Seed of a random order of the texts, so that --limit takes a sample. [default: none]
        oracle: Report the agreement with human labels afterwards, as `annotate agreement` does.
    """

    out: Path
    limit: Annotated[int | None, Option(min=1)] = None
    shuffle: int | None = None
    oracle: bool = False
    json_out: JsonOut = None

    def read(self, source: TextOptions, *, labelled: bool = False) -> Texts:
        """Check that the report can be written, and read the texts."""
        check_writable(self.json_out)
        texts = source.read(labelled=labelled or self.oracle)
        if self.shuffle is None:
            return texts
        order = random.Random(self.shuffle).sample(texts.texts, len(texts.texts))
        return replace(texts, texts=tuple(order))

    def work(
        self, who: Annotator, texts: Texts, output: Output, *, retry_set_aside: bool = False
    ) -> dict[str, Any]:
        """Annotate the texts; see `offline_train.annotation.annotate`."""
        wanted = texts.texts[: self.limit]
        try:
            return work(who, wanted, texts.source, output, retry_set_aside=retry_set_aside)
        except (EndpointError, OSError, KeyboardInterrupt) as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            why = "interrupted" if interrupted else " ".join(str(error).split())
            done = sum(text.id in output.done for text in wanted)
            print(
                f"merits-train: {why}: {done:,} of {len(wanted):,} texts are annotated in {self.out};"
                " the same line goes on from there",
                file=sys.stderr,
            )
            raise typer.Exit(130 if interrupted else 1) from error

    def report(self, texts: Texts, found: dict[str, Any]) -> None:
        """Show the result, and write the report if requested."""
        console = _console(self.json_out)
        _show_labels(self.out, found, console)
        report = {"command": command_line(), "source": texts.source, **found}
        if self.oracle:
            report["oracle"] = _agreement(self.out, texts, console) if found["annotated"] else None
        write_report(self.json_out, report)


@dataclass(frozen=True, kw_only=True)
class LlmOptions:
    """The LLM and its endpoint.

    Attributes:
        model: Name of the model at the endpoint.
        base_url: URL of the API, such as http://localhost:11434/v1 (Ollama), http://localhost:8000/v1
            (vLLM) or http://localhost:8080/v1 (llama.cpp). [default: OPENAI_BASE_URL, else OpenAI]
        api_key_file: File that holds the API key; local servers need none. [default: OPENAI_API_KEY]
        serve: Model of an installed package to serve here by llama.cpp, instead of --model and --base-url.
        prompt_file: File of the prompt, with [sentence] in place of the text. [default: the paper's]
        few_shot: Show three worked examples first, one of each sentiment, as small models need.
        asks: Largest number of requests for a text while the answers are not a label.
        retry_set_aside: Retry texts that were set aside.
        concurrency: Largest number of requests at a time.
        timeout: Longest wait for an answer, in seconds.
        max_retries: Largest number of retries of a failed request.
        backoff: Seconds before the first retry; doubled for each further one.
        price_in: Price of a million prompt tokens, in any currency. [default: none: no cost is reported]
        price_out: Price of a million completion tokens. [default: none]
    """

    panel: ClassVar = "LLM"

    model: str | None = None
    base_url: str | None = None
    serve: LlmName | None = None
    api_key_file: Path | None = None
    prompt_file: Path | None = None
    few_shot: bool = False
    asks: Annotated[int, Option(min=1)] = 3
    retry_set_aside: bool = False
    concurrency: Annotated[int, Option(min=1)] = 8
    timeout: Annotated[float, Option(min=0.01)] = 60.0
    max_retries: Annotated[int, Option(min=0)] = 8
    backoff: Annotated[float, Option(min=0.0)] = 1.0
    price_in: Annotated[float | None, Option(min=0.0)] = None
    price_out: Annotated[float | None, Option(min=0.0)] = None


@annotate.command()
@documented
def llm(source: TextOptions, job: JobOptions, ask: LlmOptions) -> None:
    """Label with an LLM at any OpenAI-compatible endpoint, with the paper's prompt.

    Example:

    merits-train annotate llm --model llama3 --base-url http://localhost:11434/v1 --texts a.txt --out a.jsonl
    """
    from offline_train.annotation.llm import LlmAnnotator
    from offline_train.annotation.llm_api import EndpointSettings, read_key
    from offline_train.annotation.prompt import PAPER_PROMPT, read_prompt
    from offline_train.annotation.usage import Usage

    model = ask.model or ask.serve
    if model is None or (ask.serve and (ask.model or ask.base_url)):
        raise UsageError("say which LLM: --model NAME, at --base-url URL, or --serve NAME, from a package")
    texts = job.read(source)
    here = serving(ask.serve, ask.concurrency) if ask.serve else nullcontext(ask.base_url)
    with Output(job.out) as output, here as url:
        key = read_key(ask.api_key_file, os.environ)
        endpoint = EndpointSettings(model, url, key, ask.max_retries, ask.backoff, ask.timeout)
        usage = Usage.read(output.beside("usage.json"), ask.price_in, ask.price_out)
        prompt = read_prompt(ask.prompt_file) if ask.prompt_file else PAPER_PROMPT
        who = LlmAnnotator(endpoint, usage, prompt, ask.asks, ask.concurrency, ask.few_shot)
        found = job.work(who, texts, output, retry_set_aside=ask.retry_set_aside)
    job.report(texts, {**found, "usage": usage.report()})


@annotate.command()
@documented
def lexicon(source: TextOptions, job: JobOptions) -> None:
    """Label with VADER's word list and rules; needs no model or endpoint.

    Example:

    merits-train annotate lexicon --corpus meld --data MELD.Raw --out lexicon.jsonl --oracle
    """
    from offline_train.annotation.lexicon import LexiconAnnotator

    texts = job.read(source)
    with Output(job.out) as output:
        found = job.work(LexiconAnnotator(), texts, output)
    job.report(texts, found)


@annotate.command()
@documented
def classifier(source: TextOptions, job: JobOptions, bundle: str, labels: Labels = "sentiment") -> None:
    """Label with the text encoder of a bundle.

    Example:

    merits-train annotate classifier --bundle meld-small --texts lines.txt --labels emotion --out out.jsonl

    Args:
        bundle: Folder or name of the bundle, such as meld-small.
    """
    from offline_train.annotation.classifier import ClassifierAnnotator

    texts = job.read(source)
    with Output(job.out) as output:
        found = job.work(ClassifierAnnotator(bundle, labels), texts, output)
    job.report(texts, found)


@annotate.command()
@documented
def teachers(source: TextOptions, job: JobOptions, teacher: list[Path]) -> None:
    """Label with runs of Stage I, for a smaller text encoder to learn from.

    Example:

    merits-train annotate teachers --teacher runs/text1 --corpus dailydialog --data DATA --out taught.jsonl

    Args:
        teacher: Finished run of `stage1 text`. May be repeated; several are averaged.
    """
    from offline_train.annotation.teachers import TeacherAnnotator
    from offline_train.runs.run import Run

    texts = job.read(source)
    with Output(job.out) as output:
        found = job.work(TeacherAnnotator([Run(folder) for folder in teacher]), texts, output)
    job.report(texts, found)


@annotate.command()
@documented
def corpus(
    source: TextOptions,
    job: JobOptions,
    labels: Labels = "sentiment",
    agreement: Annotated[float, Option(min=0.0, max=1.0)] = 1.0,
    seed: int = 1,
) -> None:
    """Copy the human labels of the corpus.

    Example:

    merits-train annotate corpus --corpus sst --data SST --agreement 0.6 --out sentiment-0.6.jsonl

    Args:
        agreement: Share of the labels to keep, 0 to 1; the others are replaced by random other labels.
        seed: Seed of the random choice for --agreement.
    """
    from offline_train.annotation.human import HumanAnnotator, human_label

    texts = job.read(source, labelled=True)
    wanted = tuple(text for text in texts.texts if human_label(text, labels))[: job.limit]
    if not wanted:
        raise UsageError(f"{texts.source} has no {labels} labels")
    with Output(job.out) as output:
        who = HumanAnnotator(wanted, labels, agreement, seed)
        found = job.work(who, replace(texts, texts=wanted), output)
    job.report(texts, found)


@annotate.command()
@documented
def agreement(
    annotations: Annotated[Path, Option("--annotations", "--out")],
    source: TextOptions,
    json_out: JsonOut = None,
    oracle: Annotated[bool, Option("--oracle", hidden=True)] = True,  # noqa: ARG001  for old command lines
) -> None:
    """Report the agreement of existing annotations with human labels.

    A human valence below 3 is negative, above 5 positive, on a scale of 1 to 7; if a corpus has none, its own
    sentiments are used. Emotions are compared with the corpus' emotions.

    Example:

    merits-train annotate agreement --annotations out.jsonl --corpus iemocap --data IEMOCAP

    Args:
        annotations: File of annotations, as written by `annotate`.
    """
    check_writable(json_out)
    texts = source.read(labelled=True)
    report = {"command": command_line(), "source": texts.source}
    write_report(json_out, {**report, "oracle": _agreement(annotations, texts, _console(json_out))})


def _agreement(path: Path, texts: Texts, console: Console) -> dict[str, Any]:
    from offline_train.annotation.agreement import agreement_with_people, show_agreement

    found = agreement_with_people(path, texts)
    show_agreement(found, console)
    return found


def _console(json_out: Path | None) -> Console:
    """The console: standard error if the report goes to standard output."""
    return Console(stderr=json_out == STANDARD_OUTPUT, markup=False, emoji=False, highlight=False)


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
