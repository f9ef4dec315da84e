"""`seglake buckets`, `segctl bucket`: buckets without signing anything. Works whether the server runs or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglake.domain.model.admin_errors import BucketHoldsLocked

from .asking import BucketName, asking
from .output import EXIT_FINDINGS, EXIT_OK, DataDir, Json, print_columns, print_json, shown_stages

if TYPE_CHECKING:
    from seglake.entrypoints.admin_channel import Channel

EXIT_INTERRUPTED = 130


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(help="Buckets.", no_args_is_help=True, rich_markup_mode=None)
    commands.command("list")(list_buckets)
    commands.command()(create)
    commands.command()(exists)
    commands.command()(delete)
    versioning = typer.Typer(help="How a bucket keeps versions.", no_args_is_help=True, rich_markup_mode=None)
    versioning.command("get")(get_versioning)
    versioning.command("set")(set_versioning)
    commands.add_typer(versioning, name="versioning")
    return commands


def list_buckets(
    *,
    owner: Annotated[str | None, typer.Option("--owner", help="Only the buckets of this user.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Only buckets whose name begins so.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List buckets with their owners.

    Example: segctl bucket list --owner alice
    """
    found: list[dict[str, Any]] = []
    with asking(data_dir, as_json=as_json) as channel:
        after: str | None = ""
        while after is not None:
            page = channel.call("bucket.list", {"owner": owner, "prefix": prefix, "after": after})
            found += page["buckets"]
            after = page["next"]
    if as_json:
        print_json({"buckets": found})
        return
    rows = [(one["name"], one["owner"], one["versioning"], one["region"], one["created"]) for one in found]
    print_columns(("NAME", "OWNER", "VERSIONING", "REGION", "CREATED"), rows, none="there are no buckets")


def create(
    bucket: BucketName,
    *,
    owner: Annotated[str, typer.Option("--owner", help="Whose bucket it is.")] = "root",
    versioning: Annotated[
        str | None, typer.Option("--versioning", help="enabled, suspended or off; else as the server makes them.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a bucket.

    Example: segctl bucket create photos --owner alice --versioning enabled
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket.create", {"name": bucket, "owner": owner, "versioning": versioning})
    if as_json:
        print_json(result)
    else:
        print(f"bucket {result['name']} made for {result['owner']}, versioning {result['versioning']}")


def exists(bucket: BucketName, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say whether there is such a bucket. Exit code 0 when there is, 1 when there is none.

    Example: segctl bucket exists photos || segctl bucket create photos
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket.exists", {"name": bucket})
    if as_json:
        print_json(result)
    else:
        print("yes" if result["exists"] else "no")
    raise typer.Exit(EXIT_OK if result["exists"] else EXIT_FINDINGS)


def delete(
    bucket: BucketName,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="First remove everything in it: all versions and all uploads, for good.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a bucket. With --force also one that is not empty, unless object lock protects anything in it.

    It is emptied in small steps. Stopped halfway, it is a bucket with less in it; the same command goes on.

    Example: segctl bucket delete photos --force
    """
    with asking(data_dir, as_json=as_json) as channel:
        removed = _empty(channel, bucket) if force else {}
        result = {**channel.call("bucket.delete", {"name": bucket}), **removed}
    if as_json:
        print_json(result)
    else:
        what = f" with {removed['versions']:,} versions and {removed['uploads']:,} uploads" if removed else ""
        print(f"bucket {bucket} deleted{what}")


def _empty(channel: Channel, bucket: str) -> dict[str, int]:
    """Removes everything, step by step. BucketHoldsLocked, before anything is removed."""
    removed = {"versions": 0, "uploads": 0}
    try:
        with shown_stages() as stages:
            _check_unlocked(channel, bucket)
            progress, done = stages(f"emptying {bucket}", "versions"), False
            while not done:
                step = channel.call("bucket.empty", {"name": bucket})
                for what in removed:
                    removed[what] += step[what]
                progress.advance(step["versions"] + step["uploads"])
                done = step["done"]
    except KeyboardInterrupt:
        print(f"seglake: stopped; {removed['versions']:,} versions are gone, the same command goes on", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return removed


def _check_unlocked(channel: Channel, bucket: str) -> None:
    locked, cursor, more = 0, None, True
    while more:
        page = channel.call("bucket.locked", {"name": bucket, "cursor": cursor})
        locked += page["locked"]
        cursor = page["cursor"]
        more = cursor is not None
    if locked:
        raise BucketHoldsLocked(bucket, locked)


def get_versioning(bucket: BucketName, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show how a bucket keeps versions: enabled, suspended, or off.

    Example: segctl bucket versioning get photos
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket.get-versioning", {"name": bucket})
    if as_json:
        print_json(result)
    else:
        print(result["versioning"])


def set_versioning(
    bucket: BucketName,
    versioning: Annotated[
        str, typer.Argument(help="enabled or suspended.", metavar="enabled|suspended", show_default=False)
    ],
    *,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Enable or suspend versioning; it is never undone.

    Example: segctl bucket versioning set photos enabled
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket.set-versioning", {"name": bucket, "versioning": versioning})
    if as_json:
        print_json(result)
    else:
        print(f"versioning of {bucket}: {result['versioning']}")
