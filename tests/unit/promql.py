"""A reader of the part of PromQL that dashboards and alerts here are written in: who strays from it is refused.

Source: Prometheus, "Querying basics", "Operators" and "Functions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])"""
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<mark>=~|!~|!=|==|>=|<=|[-+*/<>=(){},]))"""
)
AGGREGATIONS = frozenset(("sum", "min", "max", "avg", "count", "topk"))
OF_RANGES = frozenset(("rate", "increase", "predict_linear"))
OF_COUNTERS = frozenset(("rate", "increase"))
FUNCTIONS = OF_RANGES | {"histogram_quantile", "time"}
_COMPARISONS = frozenset(("==", "!=", ">", "<", ">=", "<="))


class NotPromQL(Exception):
    """The text is not of that language, or not of this part of it."""


@dataclass(frozen=True)
class Selected:
    """A metric that an expression reads: its name, its matchers' labels with their values, the function around it."""

    name: str
    labels: tuple[tuple[str, str], ...]
    function: str


@dataclass(frozen=True)
class Read:
    """What an expression reads, and the labels that it groups by."""

    selected: tuple[Selected, ...]
    grouped: frozenset[str]


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise NotPromQL(f"at {text[at : at + 30]!r}")
            kind = found.lastgroup or ""
            self.tokens.append((kind, found[kind]))
            at = found.end()
        self.at = 0
        self.selected: list[Selected] = []
        self.grouped: set[str] = set()

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, kind: str = "", text: str = "") -> str:
        if self.at == len(self.tokens):
            raise NotPromQL(f"it ends where {text or kind} is expected")
        found_kind, found = self.tokens[self.at]
        if (kind and found_kind != kind) or (text and found != text):
            raise NotPromQL(f"{found!r} where {text or kind} is expected")
        self.at += 1
        return found

    def binary(self, level: int = 0) -> None:
        """Comparisons bind least, then sums, then products."""
        marks = (_COMPARISONS, frozenset("+-"), frozenset("*/"))
        if level == len(marks):
            self.operand("")
            return
        self.binary(level + 1)
        while self.peek() in marks[level] and self.peek():
            self.take()
            self.binary(level + 1)

    def operand(self, function: str) -> None:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if text == "(":
            self.take()
            self.binary()
            self.take("mark", ")")
        elif kind == "number":
            self.take()
        elif kind != "word":
            raise NotPromQL(f"{text!r} where a value is expected")
        elif text in AGGREGATIONS:
            self.aggregation()
        elif text in FUNCTIONS:
            self.call()
        else:
            self.selector(function)

    def aggregation(self) -> None:
        name = self.take("word")
        if self.peek() == "by":
            self.take()
            self.take("mark", "(")
            while True:
                self.grouped.add(self.take("word"))
                if self.take("mark") == ")":
                    break
        self.take("mark", "(")
        if name == "topk":
            self.take("number")
            self.take("mark", ",")
        self.binary()
        self.take("mark", ")")

    def call(self) -> None:
        name = self.take("word")
        self.take("mark", "(")
        if name == "histogram_quantile":
            self.take("number")
            self.take("mark", ",")
            self.binary()
        elif name in OF_RANGES:
            self.selector(name)
            self.take("range")
            if name == "predict_linear":
                self.take("mark", ",")
                self.take("number")
        self.take("mark", ")")

    def selector(self, function: str) -> None:
        name, labels = self.take("word"), []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                label = self.take("word")
                if self.take("mark") not in ("=", "=~", "!=", "!~"):
                    raise NotPromQL(f"{label} is not matched")
                labels.append((label, self.take("string")[1:-1]))
                if self.peek() == ",":
                    self.take()
            self.take("mark", "}")
        self.selected.append(Selected(name, tuple(labels), function))


def read(text: str) -> Read:
    """What an expression reads. NotPromQL."""
    reader = _Reader(text)
    reader.binary()
    if reader.at != len(reader.tokens):
        raise NotPromQL(f"{reader.peek()!r} where the end is expected")
    return Read(tuple(reader.selected), frozenset(reader.grouped))
