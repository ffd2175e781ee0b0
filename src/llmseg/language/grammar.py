"""Constrained decoding: a model writes nothing but answers of a codec's grammar, and always ends.

What a token adds to the text is compared with an automaton of the grammar's characters, so that any tokenizer will do.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from llmseg.errors import ConfigError, UserError
from llmseg.language.automaton import Automaton
from llmseg.language.codecs.base import Codec

_ANCHOR = ":"
_ENDLESS = 1 << 30


class TokenGrammar:
    """For every state of a grammar the tokens that may follow.

    Args:
        pattern: the grammar, see `llmseg.language.automaton`.
        tokenizer: of transformers.
        eos: token with which an answer ends.

    Raises:
        ConfigError: the pattern is broken.
        UserError: no sequence of the tokenizer's tokens is an answer.
    """

    def __init__(self, pattern: str, tokenizer: Any, eos: int) -> None:
        automaton = Automaton(pattern)
        self.eos = eos
        self.start = automaton.start
        self._next = _transitions(automaton, token_texts(tokenizer, automaton.alphabet))
        ends = {state for state in self._next if automaton.accepts(state)}
        self._distance = _distances(self._next, ends)
        if self.start not in self._distance:
            raise UserError(f"vlm.constrained: the tokenizer has no tokens for the answers {pattern}; set it to false")

    @property
    def shortest(self) -> int:
        """Tokens of the shortest answer, its end included."""
        return self._distance[self.start] + 1

    def state(self, written: Iterable[int]) -> int | None:
        """The state after these tokens; None: they begin no answer."""
        state = self.start
        for token in written:
            if token not in self._next[state]:
                return None
            state = self._next[state][token]
        return state

    def allowed(self, state: int | None, left: int) -> list[int]:
        """Tokens that may follow.

        Args:
            state: see `state`; None allows nothing but the end.
            left: tokens that may still be written, the end included; an answer is led home before they are used up.
        """
        if state is None:
            return [self.eos]
        distance = self._distance
        tokens = [t for t, after in self._next[state].items() if after in distance and distance[after] + 2 <= left]
        if distance.get(state) == 0:
            tokens.append(self.eos)
        return tokens or [self.eos]


class Constraint:
    """`prefix_allowed_tokens_fn` of `generate`: nothing outside the grammar can be written.

    Args:
        grammar: see above.
        prompt: tokens of the input that do not belong to the answer; 0 where `generate` is given embeddings.
        most: new tokens that `generate` may write, the end included, so that every answer is led to its end in time;
            None: the grammar alone decides.

    Raises:
        ConfigError: no answer is that short.
    """

    def __init__(self, grammar: TokenGrammar, prompt: int = 0, most: int | None = None) -> None:
        if most is not None and most < grammar.shortest:
            raise ConfigError(f"vlm.max_new_tokens={most}: the shortest answer has {grammar.shortest} tokens")
        self.grammar, self.prompt, self.most = grammar, prompt, most

    def __call__(self, row: int, ids: Tensor) -> list[int]:
        """Tokens that may follow those (length,) written so far; the end after an end."""
        written = ids[self.prompt :].tolist()
        left = _ENDLESS if self.most is None else self.most - len(written)
        return self.grammar.allowed(self.grammar.state(written), left)


def constraint(codec: Codec, tokenizer: Any, prompt: int = 0, most: int | None = None) -> Constraint:
    """The constraint of a codec's grammar, see `Constraint`; answers end with the tokenizer's end-of-text token.

    Raises:
        ConfigError: the codec has no grammar, or no answer is that short.
        UserError: no sequence of the tokenizer's tokens is an answer.
    """
    pattern = codec.grammar()
    if pattern is None:
        raise ConfigError(f"vlm.constrained: the codec {codec.name} has no grammar; set it to false")
    return Constraint(TokenGrammar(pattern, tokenizer, int(tokenizer.eos_token_id)), prompt, most)


def token_texts(tokenizer: Any, alphabet: Iterable[str]) -> dict[int, str]:
    """What each token adds to a text, for those that consist of these characters.

    Tokens are decoded behind another one: many tokenizers drop a space at the beginning.
    """
    letters = set(alphabet)
    anchor = tokenizer.encode(_ANCHOR, add_special_tokens=False)
    before = tokenizer.decode(anchor, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    ids = range(len(tokenizer))
    texts = tokenizer.batch_decode(
        [[*anchor, token] for token in ids], skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    added = {token: text[len(before) :] for token, text in zip(ids, texts, strict=True) if text.startswith(before)}
    return {token: text for token, text in added.items() if text and letters.issuperset(text)}


def _transitions(automaton: Automaton, texts: Mapping[int, str]) -> dict[int, dict[int, int]]:
    """State -> token -> next state, for all states that tokens reach."""
    by_first: dict[str, list[tuple[int, str]]] = {}
    for token, text in texts.items():
        by_first.setdefault(text[0], []).append((token, text))
    transitions: dict[int, dict[int, int]] = {}
    left = [automaton.start]
    while left:
        state = left.pop()
        if state in transitions:
            continue
        firsts = [first for first in by_first if automaton.step(state, first) is not None]
        begun = [part for first in firsts for part in by_first[first]]
        reached = {token: automaton.walk(state, text) for token, text in begun}
        transitions[state] = {token: after for token, after in reached.items() if after is not None}
        left += transitions[state].values()
    return transitions


def _distances(transitions: Mapping[int, Mapping[int, int]], ends: set[int]) -> dict[int, int]:
    """Fewest tokens from each state to one where an answer may end; states without a way are left out."""
    before: dict[int, set[int]] = {}
    for state, following in transitions.items():
        for after in following.values():
            before.setdefault(after, set()).add(state)
    distances = dict.fromkeys(ends, 0)
    ring = set(ends)
    while ring:
        ring = {state for after in ring for state in before.get(after, ())} - distances.keys()
        distances |= dict.fromkeys(ring, max(distances.values()) + 1)
    return distances
