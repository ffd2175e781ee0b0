"""Vision-language models that answer with boxes."""
