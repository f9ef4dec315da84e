"""A pattern is matched in time linear in the text, whatever somebody wrote into it (security rule A12).

``*`` stands for any characters (also none, also ``/``), ``?`` for exactly one. ``${key}`` is a policy variable; its
value is taken literally: a ``*`` in it is a star, not a wildcard. Source: IAM User Guide, "IAM policy elements:
Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from .errors import MalformedPolicy
from .policy_keys import variable_key

Context = Mapping[str, tuple[str, ...]]
"""The values (as text) of a request's condition keys (lower-case); a key without a value is missing."""


class Wild(Enum):
    """A wildcard: exactly one character, or any number of them."""

    ONE = "?"
    ANY = "*"


@dataclass(frozen=True, slots=True)
class Variable:
    """Stands for the only value of ``key`` in the context; without one for ``default``, if there is any."""

    key: str
    default: str | None = None

    def value(self, context: Context) -> str | None:
        """The text to put in its place; None when there is none."""
        values = context.get(self.key)
        return values[0] if values and len(values) == 1 else self.default


Token = str | Wild | Variable
_VARIABLE = re.compile(r"([A-Za-z0-9-]+:[^,{}$]+?)(?:,\s*'([^'{}$]*)')?", re.ASCII)
_SPLIT = {True: re.compile(r"(\$\{[^}]*\}?|\*|\?)"), False: re.compile(r"(\*|\?)")}


class _Piece:
    """What stands between two stars: text, or characters of which some are free (None)."""

    __slots__ = ("_characters", "_free", "_goal", "_masks", "_text", "size")

    def __init__(self, characters: Sequence[str | None]) -> None:
        self.size = len(characters)
        self._text = "".join([c for c in characters if c is not None]) if None not in characters else None
        self._characters = characters
        self._free = sum([1 << at for at, c in enumerate(characters) if c is None]) if self._text is None else 0
        self._goal = 1 << self.size >> 1
        self._masks: dict[str, int] = {}
        if self._text is None:
            for at, character in enumerate(characters):
                if character is not None:
                    self._masks[character] = self._masks.get(character, self._free) | 1 << at

    def fits(self, text: str, at: int) -> bool:
        """Whether ``text`` has this piece at the position ``at`` (it is long enough)."""
        if self._text is not None:
            return text.startswith(self._text, at)
        return all(c is None or c == text[at + offset] for offset, c in enumerate(self._characters))

    def find(self, text: str, start: int, end: int) -> int:
        """The first position in ``text[start:end]`` where this piece stands, or -1."""
        if self._text is not None:
            return text.find(self._text, start, end)
        # Shift-and: bit i of the state says that the last i + 1 characters are the piece's first ones.
        state, goal, free, masks = 0, self._goal, self._free, self._masks
        for at in range(start, end):
            state = (state << 1 | 1) & masks.get(text[at], free)
            if state & goal:
                return at + 1 - self.size
        return -1


class Glob:
    """Tokens without variables, ready to be matched: each piece is taken at its first place and never reconsidered."""

    __slots__ = ("_first", "_last", "_least", "_middle")

    def __init__(self, tokens: Sequence[Token]) -> None:
        pieces: list[list[str | None]] = [[]]
        for token in tokens:
            if token is Wild.ANY:
                pieces.append([])
            elif token is Wild.ONE:
                pieces[-1].append(None)
            else:
                assert isinstance(token, str), "variables are replaced first"
                pieces[-1].extend(token)
        self._first = _Piece(pieces[0])
        self._last = _Piece(pieces[-1]) if len(pieces) > 1 else None
        self._middle = tuple([_Piece(piece) for piece in pieces[1:-1] if piece])
        self._least = sum([len(piece) for piece in pieces])

    def matches(self, text: str) -> bool:
        """Whether the whole ``text`` is as the tokens say."""
        if self._last is None:
            return len(text) == self._least and self._first.fits(text, 0)
        end = len(text) - self._last.size
        if len(text) < self._least or not self._first.fits(text, 0) or not self._last.fits(text, end):
            return False
        at = self._first.size
        for piece in self._middle:
            at = piece.find(text, at, end)
            if at < 0:
                return False
            at += piece.size
        return True


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with wildcards and variables; no two literal tokens are neighbours and none is empty."""

    tokens: tuple[Token, ...]

    @property
    def literal(self) -> str | None:
        """The only text that matches; None when there are wildcards or variables."""
        if not self.tokens:
            return ""
        return self.tokens[0] if len(self.tokens) == 1 and isinstance(self.tokens[0], str) else None

    @property
    def prefix(self) -> str | None:
        """``p`` when the pattern is ``p*`` (``p`` may be empty), else None."""
        match self.tokens:
            case (Wild.ANY,):
                return ""
            case (str() as text, Wild.ANY):
                return text
        return None

    @property
    def head(self) -> str:
        """The text before the first wildcard or variable."""
        return self.tokens[0] if self.tokens and isinstance(self.tokens[0], str) else ""

    def variables(self) -> Iterator[Variable]:
        """The variables in it."""
        return (token for token in self.tokens if isinstance(token, Variable))

    def resolved(self, context: Context) -> tuple[str | Wild, ...] | None:
        """The tokens with values for variables; None when a variable has none: then nothing matches."""
        tokens: list[str | Wild] = []
        for token in self.tokens:
            value = token.value(context) if isinstance(token, Variable) else token
            if value is None:
                return None
            tokens.append(value)
        return tuple(tokens)

    def matches(self, text: str, context: Context) -> bool:
        """Whether the whole ``text`` matches (the slow way: for patterns with variables)."""
        tokens = self.resolved(context)
        return tokens is not None and Glob(tokens).matches(text)


def literal_pattern(text: str) -> Pattern:
    """The pattern that only ``text`` matches."""
    return Pattern((text,) if text else ())


def parse_pattern(text: str, where: str, *, wildcards: bool, variables: bool) -> Pattern:
    """Reads ``text``: ``*`` and ``?`` mean themselves without ``wildcards``, ``${`` means itself without ``variables``.

    ``${*}``, ``${?}`` and ``${$}`` are the characters. MalformedPolicy naming ``where`` for any other ``${...}`` that
    is not a variable.
    """
    tokens: list[Token] = []
    for part in _SPLIT[variables].split(text):
        token: Token = part
        if wildcards and part in ("*", "?"):
            token = Wild(part)
        elif variables and part.startswith("${"):
            token = _variable(part, where)
        elif not part:
            continue
        if tokens and isinstance(token, str) and isinstance(tokens[-1], str):
            tokens[-1] += token
        elif not (token is Wild.ANY and tokens and tokens[-1] is Wild.ANY):
            tokens.append(token)
    return Pattern(tuple(tokens))


def _variable(part: str, where: str) -> Variable | Literal["*", "?", "$"]:
    inner = part[2:-1]
    match inner if part.endswith("}") else "":
        case "*" | "?" | "$" as character:
            return character
    found = _VARIABLE.fullmatch(inner) if part.endswith("}") else None
    if found is None:
        raise MalformedPolicy(where, "a policy variable is written ${key} or ${key, 'default'}")
    return Variable(variable_key(found[1], where), found[2])
