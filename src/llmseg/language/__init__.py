"""What boxes and reports share: language models, adapters, prompts, generation, and how boxes are written as text."""
