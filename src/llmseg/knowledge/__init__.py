"""What is known of an organ before any scan is seen: texts, frozen text encoders, cached embeddings."""

from llmseg.knowledge.embedding import Knowledge, embed
from llmseg.knowledge.texts import default_knowledge

__all__ = ["Knowledge", "default_knowledge", "embed"]
