r"""A regular expression as an automaton that reads one character after the other.

Known are characters, escapes such as `\[`, `\d`, classes such as `[0-3]`, groups, `|`, `?`, and repeats `{m}`, `{m,n}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from llmseg.errors import ConfigError

_DIGITS = frozenset("0123456789")


class Automaton:
    """Deterministic states, found when they are reached.

    Attributes:
        start: the first state.
        alphabet: characters that occur in any text of the language.

    Raises:
        ConfigError: the expression is broken.
    """

    start = 0

    def __init__(self, pattern: str) -> None:
        graph = _Graph()
        first, last = _Parser(pattern, graph).whole()
        self.alphabet = frozenset().union(*(characters for edges in graph.edges for characters, _ in edges))
        self._graph, self._last = graph, last
        self._sets = [graph.closure({first})]
        self._numbers = {self._sets[0]: 0}
        self._next: dict[tuple[int, str], int | None] = {}

    def step(self, state: int, character: str) -> int | None:
        """The state after a character; None: no text of the language goes on like this."""
        if (state, character) not in self._next:
            edges = [edge for node in self._sets[state] for edge in self._graph.edges[node]]
            reached = self._graph.closure({target for characters, target in edges if character in characters})
            self._next[state, character] = self._number(reached) if reached else None
        return self._next[state, character]

    def walk(self, state: int, text: str) -> int | None:
        """The state after a text; None: no text of the language goes on like this."""
        for character in text:
            after = self.step(state, character)
            if after is None:
                return None
            state = after
        return state

    def accepts(self, state: int) -> bool:
        """Tell whether a text may end here."""
        return self._last in self._sets[state]

    def _number(self, nodes: frozenset[int]) -> int:
        if nodes not in self._numbers:
            self._numbers[nodes] = len(self._sets)
            self._sets.append(nodes)
        return self._numbers[nodes]


@dataclass
class _Graph:
    """Thompson's construction: nodes with edges that read a character, and edges that read nothing."""

    edges: list[list[tuple[frozenset[str], int]]] = field(default_factory=list)
    empty: list[list[int]] = field(default_factory=list)

    def node(self) -> int:
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1

    def closure(self, nodes: set[int]) -> frozenset[int]:
        reached, left = set(nodes), list(nodes)
        while left:
            new = set(self.empty[left.pop()]) - reached
            reached |= new
            left += new
        return frozenset(reached)


@dataclass
class _Parser:
    """Recursive descent; every part becomes (first node, last node)."""

    pattern: str
    graph: _Graph
    at: int = 0

    def whole(self) -> tuple[int, int]:
        part = self._choice()
        if self.at < len(self.pattern):
            raise self._broken()
        return part

    def _choice(self) -> tuple[int, int]:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        first, last = self.graph.node(), self.graph.node()
        for start, end in branches:
            self.graph.empty[first].append(start)
            self.graph.empty[end].append(last)
        return first, last

    def _sequence(self) -> tuple[int, int]:
        parts = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self._repeated())
        return self._joined(parts)

    def _joined(self, parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
        first = last = self.graph.node()
        for start, end in parts:
            self.graph.empty[last].append(start)
            last = end
        return first, last

    def _repeated(self) -> tuple[int, int]:
        begin = self.at
        part = self._atom()
        end = self.at
        fewest, most = self._counts()
        copies = [part]
        for _ in range(most - 1):
            self.at, after = begin, self.at
            copies.append(self._atom())
            assert self.at == end
            self.at = after
        joined = self._joined(copies)
        for start, _ in copies[fewest:]:
            self.graph.empty[start].append(joined[1])
        return joined

    def _counts(self) -> tuple[int, int]:
        if self._take("?"):
            return 0, 1
        if not self._take("{"):
            return 1, 1
        close = self.pattern.find("}", self.at)
        low, _, high = self.pattern[self.at : close].partition(",")
        if close < 0 or not (low + (high or low)).isdecimal() or int(high or low) < max(int(low), 1):
            raise self._broken()
        self.at = close + 1
        return int(low), int(high or low)

    def _atom(self) -> tuple[int, int]:
        if self._take("("):
            part = self._choice()
            if not self._take(")"):
                raise self._broken()
            return part
        characters = self._characters()
        first, last = self.graph.node(), self.graph.node()
        self.graph.edges[first].append((characters, last))
        return first, last

    def _characters(self) -> frozenset[str]:
        character = self._next()
        if character == "\\":
            escaped = self._next()
            return _DIGITS if escaped == "d" else frozenset(escaped)
        if character != "[":
            if character in "{}?*+.^$])":
                raise self._broken()
            return frozenset(character)
        found: set[str] = set()
        while not self._take("]"):
            low = self._next()
            high = self._next() if self._take("-") else low
            found |= {chr(code) for code in range(ord(low), ord(high) + 1)}
        return frozenset(found)

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise self._broken()
        self.at += 1
        return self.pattern[self.at - 1]

    def _take(self, character: str) -> bool:
        if self.pattern[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def _broken(self) -> ConfigError:
        return ConfigError(f"grammar: {self.pattern!r} cannot be read at character {self.at}")
