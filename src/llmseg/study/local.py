"""SmolLM2 from its package as an author in this process."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import torch

from llmseg.knowledge.authors import Sampling
from llmseg.knowledge.authors.smollm2 import SmolLM2
from llmseg.study.transcript import Message, Reply

_LONGEST = 1500  # tokens of an answer where nobody says how many
_CONTEXT = 8192  # tokens of conversation and answer


class Local:
    """`author=local`: SmolLM2-135M-Instruct on the CPU.

    Args:
        author: the `author` node.

    Raises:
        UserError: a package is missing.
    """

    def __init__(self, author: Mapping[str, Any]) -> None:
        self._sampling = Sampling(author["temperature"], author["seed"], author["max_tokens"] or _LONGEST)
        self._llm = SmolLM2(self._sampling)
        self.model = SmolLM2.llm

    def ask(self, messages: Sequence[Message]) -> Reply:
        """The next answer; of a long conversation only its end is read."""
        start = perf_counter()
        tokenizer, model = self._llm._loaded
        chat = [{"role": message["role"], "content": message["content"]} for message in messages]
        tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        longest = self._sampling.max_tokens or _LONGEST
        given = {key: value[:, -(_CONTEXT - longest) :] for key, value in tokens.items()}
        temperature = self._sampling.temperature
        how: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self._sampling.seed or 0)
            written = model.generate(**given, **how, max_new_tokens=longest)
        answer = written[0, given["input_ids"].shape[1] :]
        is_whole = bool(answer[-1] == tokenizer.eos_token_id)
        return Reply(
            str(tokenizer.decode(answer, skip_special_tokens=True)),
            int(given["input_ids"].shape[1]),
            len(answer),
            perf_counter() - start,
            f"{self.model} ({self._llm.version})",
            "stop" if is_whole else "length",
        )
