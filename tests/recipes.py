"""The composed configurations of the nineteen LLMs' recipes."""

from functools import cache

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from llmseg.cli.entry import conf_folder, register_resolvers

AUTHORS = (
    "gpt4", "gpt4o", "gpt_o1", "claude35", "gemini15", "copilot", "bing_copilot", "llama31",
    "gpt_o3", "gpt_o4_mini_high", "deepseek_v3", "deepseek_r1", "claude4", "gemini25", "grok3", "grok3_mini", "llama4",
    "mistral_medium3", "qwen3",
)  # fmt: skip


@cache
def composed(experiment: str, *words: str) -> DictConfig:
    """What `train.py experiment=...` would run; read-only, since many tests share it."""
    register_resolvers()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        cfg = hydra_compose("train", [f"experiment={experiment}", *words])
    OmegaConf.set_readonly(cfg, True)
    return cfg
