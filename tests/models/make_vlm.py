"""Vision-language models of a few thousand random weights, as folders that users could have, and samples for them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers as hf
from tokenizers.pre_tokenizers import ByteLevel

from llmseg.data.boxes.sample import Box, Record, Sample

_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_BYTES = sorted(ByteLevel.alphabet())
_TEXT = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def qwen3(folder: Path, pad: str = "<|endoftext|>") -> None:
    tokenizer = _qwen_tokenizer(pad)
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0}
    text = {**_TEXT, "vocab_size": len(tokenizer), "head_dim": 16, "num_key_value_heads": 2, "rope_parameters": rope}
    vision = {**_qwen_vision(), "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    config = hf.Qwen3VLConfig(text_config=text, vision_config=vision, **_qwen_ids(tokenizer))
    video = hf.Qwen3VLVideoProcessor(patch_size=8)
    hf.Qwen3VLProcessor(_qwen_images(), tokenizer, video, chat_template=_CHAT).save_pretrained(folder)
    _save(hf.Qwen3VLForConditionalGeneration, config, folder)


def qwen2_5(folder: Path) -> None:
    tokenizer = _qwen_tokenizer("<|endoftext|>")
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0}
    text = {**_TEXT, "vocab_size": len(tokenizer), "num_key_value_heads": 2, "rope_parameters": rope}
    vision = {**_qwen_vision(), "window_size": 32, "fullatt_block_indexes": [0]}
    config = hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **_qwen_ids(tokenizer))
    video = hf.Qwen2VLVideoProcessor(patch_size=8)
    hf.Qwen2_5_VLProcessor(_qwen_images(), tokenizer, video, chat_template=_CHAT).save_pretrained(folder)
    _save(hf.Qwen2_5_VLForConditionalGeneration, config, folder)


def paligemma(folder: Path) -> None:
    characters = [chr(code) for code in range(33, 127)] + ["▁", "\n"]
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *characters]
    tokenizer = hf.GemmaTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=[])
    images = hf.SiglipImageProcessor(size={"height": 28, "width": 28}, image_seq_length=4)
    processor = hf.PaliGemmaProcessor(images, tokenizer)  # adds the location tokens
    processor.save_pretrained(folder)
    vision = {**_TEXT, "hidden_size": 16, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    size = len(processor.tokenizer)
    text = {**_TEXT, "model_type": "gemma", "vocab_size": size, "head_dim": 16, "num_key_value_heads": 1}
    config = hf.PaliGemmaConfig(
        vision_config={**vision, "model_type": "siglip_vision_model"},
        text_config={**text, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2},
        image_token_index=processor.image_token_id,
        projection_dim=32,
    )
    _save(hf.PaliGemmaForConditionalGeneration, config, folder)


def florence2(folder: Path) -> None:
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *_BYTES]
    tokenizer = hf.BartTokenizer(
        vocab={name: i for i, name in enumerate(names)}, merges=[], extra_special_tokens={"image_token": "<image>"}
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<loc_{i}>" for i in range(1000)]})
    images = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    images.image_seq_length = 5
    hf.Florence2Processor(images, tokenizer).save_pretrained(folder)
    vision = {
        "depths": [1, 1],
        "patch_size": [7, 3],
        "patch_stride": [4, 4],
        "patch_padding": [3, 1],
        "patch_prenorm": [False, True],
        "embed_dim": [16, 32],
        "num_heads": [2, 2],
        "num_groups": [2, 2],
        "window_size": 4,
        "projection_dim": 32,
    }
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        **{f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in _BART.items()},
        "max_position_embeddings": 512,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 0,
    }
    config = hf.Florence2Config(text_config=text, vision_config=vision, image_token_id=tokenizer.image_token_id)
    _save(hf.Florence2ForConditionalGeneration, config, folder)


_BART = {"layers": 1, "ffn_dim": 32, "attention_heads": 2}
KINDS: dict[str, Callable[[Path], None]] = {
    "qwen3_vl": qwen3,
    "qwen2_5_vl": qwen2_5,
    "paligemma": paligemma,
    "florence2": florence2,
}


def sample(
    names: Sequence[str] = ("t2f", "t1c"), boxes: Sequence[Box] = (Box(8, 10, 20, 30),), seed: int = 0
) -> Sample:
    """Random images of 40 x 48 pixels; the record names t2f, t2w, t1n, t1c."""
    random = np.random.default_rng(seed)
    images = {name: random.integers(0, 256, (48, 40), dtype=np.uint8) for name in names}
    paths = {name: Path(f"{name}.png") for name in ("t2f", "t2w", "t1n", "t1c")}
    record = Record("case", "patient", "axial", 3, paths, tuple(boxes))
    return Sample(record, images, tuple(boxes))


def _qwen_tokenizer(pad: str) -> hf.Qwen2Tokenizer:
    special = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    names = ["<|endoftext|>", *_BYTES]
    vocab = {name: i for i, name in enumerate(names)}
    tokenizer = hf.Qwen2Tokenizer(vocab=vocab, merges=[], eos_token="<|im_end|>", pad_token=pad)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer


def _qwen_images() -> hf.Qwen2VLImageProcessor:
    return hf.Qwen2VLImageProcessor(patch_size=8, merge_size=2, min_pixels=32 * 32, max_pixels=64 * 64)


def _qwen_vision() -> dict[str, object]:
    return {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "patch_size": 8} | {
        "out_hidden_size": 32
    }


def _qwen_ids(tokenizer: hf.Qwen2Tokenizer) -> dict[str, int]:
    names = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    return {f"{key}_token_id": tokenizer.convert_tokens_to_ids(f"<|{name}|>") for key, name in names.items()}


def _save(kind: type, config: object, folder: Path) -> None:
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
