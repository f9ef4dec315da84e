"""A browser form is read as it arrives: its fields are bounded and kept, its one file passes through, and what stands
behind the file may not mean anything.

Sources: RFC 7578 (multipart/form-data), RFC 2046 section 5.1.1 (delimiter lines), API Reference, "POST Object" (form
fields, 20 KB before the file, what follows the file is left out). No I/O: bytes in, pieces of the file out.
"""

from __future__ import annotations

import re
from enum import IntEnum
from urllib.parse import unquote_to_bytes

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument

FIELDS_BYTES_MAX = 20 << 10
"""All that stands before the bytes of the file, and again all that stands behind them."""

FILE = "file"

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
_PARAMETER = re.compile(
    r"[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^ \t;\"]*))[ \t]*",
    re.DOTALL | re.ASCII,
)
_ESCAPED = re.compile(r'\\(["\\])')
_PLAIN_ENCODINGS = frozenset(("7bit", "8bit", "binary"))
# Fields that say something about the object or the answer; behind the file they would be too late to be heard.
_MEANT = frozenset(
    (
        "acl",
        "awsaccesskeyid",
        "bucket",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "expires",
        "key",
        "policy",
        "redirect",
        "signature",
        "success_action_redirect",
        "success_action_status",
        "tagging",
    )
)


def malformed_form(reason: str) -> S3Error:
    """MalformedPOSTRequest with the reason."""
    return S3Error(ErrorCode.MalformedPOSTRequest, f"{ErrorCode.MalformedPOSTRequest.message} Here: {reason}.")


def boundary_of(content_type: str) -> bytes:
    """The boundary that a request's Content-Type names.

    Raises S3Error PreconditionFailed when it is no multipart/form-data (as S3 does), MalformedPOSTRequest when the
    boundary is missing or is not one.
    """
    kind, _, _ = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise S3Error(
            ErrorCode.PreconditionFailed,
            extra=(("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"),),
        )
    boundary = _parameters(content_type[len(kind) :], "the Content-Type").get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed_form("the Content-Type has no boundary of 1 to 70 characters")
    return boundary.encode("ascii")


class _State(IntEnum):
    PREAMBLE = 0
    DELIMITER = 1
    HEADERS = 2
    FIELD = 3
    FILE = 4
    BEHIND = 5
    END = 6


class FormParser:
    """Reads one form; after an S3Error it takes nothing more.

    ``fields`` has the names in lower case and is whole as soon as ``in_file`` is true. ``file_name`` is what the client
    calls the file, without directories, empty when it does not say.
    """

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.file_name = ""
        self.in_file = False
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very beginning, where no line break comes before it.
        self._pending = b"\r\n"
        self._state = _State.PREAMBLE
        self._name = ""
        self._behind = False
        self._counted = -len(self._pending)
        self._steps = (
            self._preamble,
            self._delimiter_line,
            self._headers,
            self._field,
            self._file,
            self._preamble,
            self._end,
        )

    def feed(self, data: bytes | memoryview) -> list[memoryview]:
        """The pieces of the file that these bytes bring.

        Raises S3Error: MalformedPOSTRequest; MaxPostPreDataLengthExceeded; InvalidArgument for a second file, a field
        that comes twice, or one behind the file that would mean something.
        """
        buffer = self._pending + data if self._pending or not isinstance(data, bytes) else data
        pieces: list[memoryview] = []
        at, done = 0, True
        while done:
            state, begin = self._state, at
            at, done = self._steps[state](buffer, at, pieces)
            if state is _State.FILE:
                self._counted = 0
            else:
                self._counted += at - begin
                if self._counted + (0 if done else len(buffer) - at) > FIELDS_BYTES_MAX:
                    raise self._too_long()
        self._pending = buffer[at:]
        return pieces

    def finish(self) -> None:
        """The body has ended. S3Error MalformedPOSTRequest when the form has not, InvalidArgument without a file."""
        if self._state is not _State.END:
            raise malformed_form("it ends without its last boundary")
        if not self.in_file:
            raise one_file(0)

    # Each step reads ``buffer`` from ``at`` and returns where it stopped and whether it has all that it needs; if not,
    # it is called again with what it left and more.

    def _preamble(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        """Leaves out what stands before the first delimiter, or in a part behind the file."""
        found = buffer.find(self._delimiter, at)
        if found < 0:
            return max(at, len(buffer) - len(self._delimiter) + 1), False
        self._state = _State.DELIMITER
        return found + len(self._delimiter), True

    def _delimiter_line(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        """The rest of a delimiter line: ``--`` ends the form, padding and a line break begin a part."""
        if buffer.startswith(b"--", at):
            self._state = _State.END
            return at + 2, True
        # Not byte by byte: whoever sends padding in small pieces would have all of it read again for each.
        end = len(buffer) - len(buffer[at:].lstrip(b" \t"))
        if len(buffer) - end < 2:
            return at, False
        if not buffer.startswith(b"\r\n", end):
            raise malformed_form("a boundary is followed by something else than a line break")
        self._state = _State.HEADERS
        return end, True

    def _headers(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        """The head of a part, from the line break before its first line to its empty line."""
        end = buffer.find(b"\r\n\r\n", at)
        if end < 0:
            return at, False
        self._begin_part(buffer[at + 2 : end])
        return end + 4, True

    def _field(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        found = buffer.find(self._delimiter, at)
        if found < 0:
            return at, False
        try:
            self.fields[self._name] = buffer[at:found].decode("utf-8")
        except UnicodeDecodeError:
            raise malformed_form(f"the field {self._name[:100]} is not UTF-8") from None
        self._state = _State.DELIMITER
        return found + len(self._delimiter), True

    def _file(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        found = buffer.find(self._delimiter, at)
        if found < 0:
            end = buffer.find(b"\r", max(at, len(buffer) - len(self._delimiter) + 1))
            end = len(buffer) if end < 0 else end
        else:
            end = found
            self._state = _State.DELIMITER
            self._behind = True
        if end > at:
            pieces.append(memoryview(buffer)[at:end])
        return (end, False) if found < 0 else (found + len(self._delimiter), True)

    def _end(self, buffer: bytes, at: int, pieces: list[memoryview]) -> tuple[int, bool]:
        return len(buffer), False

    def _begin_part(self, head: bytes) -> None:
        parameters = _disposition(head)
        name = parameters.get("name", "").replace("%22", '"').lower()
        if not name:
            raise malformed_form("a part has no name")
        if self.in_file:
            if name == FILE:
                raise one_file(2)
            if name in _MEANT or name.startswith("x-amz-"):
                raise invalid_argument(name[:100], "", "the field stands behind the file; put the file last")
            self._state = _State.BEHIND
        elif name == FILE:
            self.file_name = _file_name(parameters)
            self.in_file = True
            self._state = _State.FILE
        elif name in self.fields:
            raise invalid_argument(name[:100], "", "the form has this field more than once")
        else:
            self._name = name
            self._state = _State.FIELD

    def _too_long(self) -> S3Error:
        if self._behind:
            return malformed_form(f"more than {FIELDS_BYTES_MAX} bytes follow the file")
        return S3Error(ErrorCode.MaxPostPreDataLengthExceeded)


def one_file(found: int) -> S3Error:
    """InvalidArgument: a form brings exactly one part named ``file``."""
    return S3Error(
        ErrorCode.InvalidArgument,
        "POST requires exactly one file upload per request.",
        extra=(("ArgumentName", FILE), ("ArgumentValue", str(found))),
    )


def _disposition(head: bytes) -> dict[str, str]:
    """The parameters of a part's Content-Disposition."""
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise malformed_form("the head of a part is not UTF-8") from None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name.strip() != name or name in headers:
            raise malformed_form("the head of a part has a line that cannot be read, or one twice")
        headers[name] = value.strip(" \t")
    if headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise malformed_form("a part has a Content-Transfer-Encoding; send the bytes as they are")
    kind, _, _ = headers.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        raise malformed_form("a part has no Content-Disposition: form-data")
    return _parameters(headers["content-disposition"][len(kind) :], "a Content-Disposition")


def _parameters(text: str, where: str) -> dict[str, str]:
    """``; name=value`` pairs, names in lower case. A backslash escapes only quotes and backslashes: others belong to
    paths, which some browsers send."""
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip(" \t;")
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise malformed_form(f"{where} has a parameter that cannot be read")
        name, quoted, plain = match.groups()
        if name.lower() in found:
            raise malformed_form(f"{where} has the parameter {name[:100]} twice")
        found[name.lower()] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = match.end()
    return found


def _file_name(parameters: dict[str, str]) -> str:
    """The last segment of the file's name (POST Object, "key"). Old clients send it as RFC 5987 has it."""
    extended = parameters.get("filename*")
    if extended is None:
        name = parameters.get("filename", "").replace("%22", '"')
    else:
        charset, _, rest = extended.partition("'")
        if charset.lower() != "utf-8":
            raise malformed_form("the name of the file is in an encoding other than UTF-8")
        try:
            name = unquote_to_bytes(rest.partition("'")[2]).decode("utf-8")
        except UnicodeDecodeError:
            raise malformed_form("the name of the file is not UTF-8") from None
    return name.replace("\\", "/").rpartition("/")[2]
