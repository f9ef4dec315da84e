"""The canonical request of SigV4: one spelling for everything a signature covers.

Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", task 1. S3 does not normalise
paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from seglake.adapters.s3_protocol.request import RequestHead, percent_decode, percent_encode

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._~/-]*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
_SPACES = re.compile(r"[ \t]{2,}|\t")


def request(head: RequestHead, signed: Sequence[str], payload: str, *, presigned: bool) -> str:
    """The canonical request: method, path, query (a presigned one without its signature), the signed headers,
    payload."""
    headers = head.headers
    lines = "".join([f"{name}:{_trim(headers[name])}\n" for name in signed])
    query = canonical_query(head.raw_query, presigned=presigned) if head.raw_query else ""
    return f"{head.method}\n{canonical_path(head.path)}\n{query}\n{lines}\n{';'.join(signed)}\n{payload}"


def canonical_path(path: str) -> str:
    """The raw path with each byte in its canonical spelling: unreserved characters plain, all others as ``%XX``."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    return percent_encode(percent_decode(path), keep_slash=True)


def canonical_query(raw_query: str, *, presigned: bool) -> str:
    """Sorted by encoded name, then value; a name without a value gets ``=``; ``+`` is a plus, as everywhere here."""
    pairs = []
    for pair in raw_query.split("&"):
        if not pair or (presigned and pair.startswith("X-Amz-Signature=")):
            continue
        name, _, value = pair.partition("=")
        name = _spell(name)
        if presigned and name == "X-Amz-Signature":
            continue
        pairs.append((name, _spell(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def variants(head: RequestHead, signed: Sequence[str], payload: str, *, presigned: bool) -> Iterator[str]:
    """Other spellings that real clients sign, tried only when the canonical one does not match.

    Each still covers every byte that the server acts on: the target as sent (botocore and s3cmd sign the path and query
    that they send, even where a character in it would have another canonical spelling), and header values whose bytes
    are Latin-1 on the wire but were signed as UTF-8 (http.client sends text so).
    """
    query = _raw_sorted(head.raw_query, presigned=presigned)
    first = request(head, signed, payload, presigned=presigned)
    lines = first.split("\n", 3)
    literal = f"{head.method}\n{head.path}\n{query}\n{lines[3]}"
    if literal != first:
        yield literal
    if any(not head.headers[name].isascii() for name in signed):
        decoded = {
            name: value.encode("utf-8", "surrogateescape").decode("latin-1") for name, value in head.headers.items()
        }
        yield request(replace(head, headers=decoded), signed, payload, presigned=presigned)


def without_customer_keys(head: RequestHead) -> RequestHead:
    """The head with the values of SSE-C key headers blanked: it is about to be shown in an error."""
    shown = {name: "***" if name.endswith("-customer-key") else value for name, value in head.headers.items()}
    return replace(head, headers=shown)


def _trim(value: str) -> str:
    value = value.strip(" \t")
    return _SPACES.sub(" ", value) if "  " in value or "\t" in value else value


# All names and most values of a signed query repeat. Few entries, since they may be long.
@lru_cache(maxsize=256)
def _spell(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return percent_encode(percent_decode(text))


def _raw_sorted(raw_query: str, *, presigned: bool) -> str:
    pairs = []
    for pair in raw_query.split("&"):
        name, _, value = pair.partition("=")
        if (name or value) and not (presigned and name == "X-Amz-Signature"):
            pairs.append((name, value))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])
