"""What the commands of administration share: the way to the store, and arguments that name a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglake.domain.model.errors import InvalidArgument

from .output import offline_settings, quiet_log, told

if TYPE_CHECKING:
    from seglake.entrypoints.admin_channel import Channel

FILE_BYTES_MAX = 1 << 20

AccessKey = Annotated[str, typer.Argument(help="The access key.", metavar="ACCESS_KEY", show_default=False)]
BucketName = Annotated[str, typer.Argument(help="The bucket.", metavar="BUCKET", show_default=False)]
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", help="File with the secret to use, - for standard input; else one is generated."),
]


@contextmanager
def asking(data_dir: Path | None, *, as_json: bool) -> Iterator[Channel]:
    """The running server, or the store itself when none runs; what is refused is told in one line, exit code 2."""
    from seglake.entrypoints.admin_channel import open_channel

    with told(as_json=as_json), open_channel(offline_settings(data_dir), quiet_log()) as channel:
        yield channel


def text_or_file(argument: str) -> str:
    """The argument, or for ``@FILE`` what the file holds (``@-``: standard input). InvalidArgument, OSError."""
    return read_text(Path(argument[1:])) if argument.startswith("@") else argument


def read_text(path: Path) -> str:
    """A small UTF-8 file, ``-`` for standard input. InvalidArgument, OSError."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
    else:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise InvalidArgument("file", str(path), f"{path} has more than 1 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidArgument("file", str(path), f"{path} is not UTF-8 text") from None


def secret_of(path: Path | None) -> str | None:
    """The first line of a secret file. InvalidArgument, OSError."""
    return None if path is None else read_text(path).partition("\n")[0].rstrip("\r")


def yes_or_no(value: object) -> str:
    """A truth for a table."""
    return "yes" if value else "no"
