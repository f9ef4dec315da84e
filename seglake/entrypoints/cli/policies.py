"""`bucket-policy` and `policy`: what a bucket says about who may do what, and what would be answered to whom.

Both work whether the server runs or not.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import BucketName, asking, text_or_file, yes_or_no
from .output import EXIT_FINDINGS, EXIT_OK, DataDir, Json, print_json, print_table, shown, told

Action = Annotated[str, typer.Argument(help="As s3:GetObject.", metavar="ACTION", show_default=False)]
Resource = Annotated[
    str, typer.Argument(help="BUCKET, BUCKET/KEY, an ARN, or '*'.", metavar="RESOURCE", show_default=False)
]
PolicyDocument = Annotated[
    str, typer.Argument(help="The document, or @FILE with it.", metavar="POLICY", show_default=False)
]


def bucket_policy_group() -> typer.Typer:
    """The commands of bucket policies."""
    commands = typer.Typer(help="Policies of buckets.", no_args_is_help=True, rich_markup_mode=None)
    commands.command("get")(get)
    commands.command("set")(set_policy)
    commands.command("delete")(delete)
    return commands


def policy_group() -> typer.Typer:
    """The commands about decisions."""
    commands = typer.Typer(help="Who may do what, and why.", no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(_nothing)
    commands.command()(explain)
    return commands


def _nothing() -> None:
    """Who may do what, and why."""


def get(bucket: BucketName, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Write a bucket's policy as it was stored. Exit code 1 when it has none.

    Example: segctl bucket-policy get photos > policy.json
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket-policy.get", {"bucket": bucket})
    if as_json:
        print_json(result)
    elif result["policy"] is None:
        typer.echo(f"seglake: the bucket {bucket} has no policy", err=True)
    else:
        print("\n".join([shown(line) for line in result["policy"].splitlines()]))
    raise typer.Exit(EXIT_FINDINGS if result["policy"] is None else EXIT_OK)


def set_policy(bucket: BucketName, policy: PolicyDocument, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Store a bucket's policy (docs/policies.md); one that is not understood to the letter is refused.

    Example: segctl bucket-policy set photos @policy.json
    """
    with told(as_json=as_json):
        text = text_or_file(policy)
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket-policy.set", {"bucket": bucket, "policy": text})
    if as_json:
        print_json(result)
    else:
        print(f"policy of {bucket} stored{'; it makes the bucket public' if result['public'] else ''}")


def delete(bucket: BucketName, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Remove a bucket's policy.

    Example: segctl bucket-policy delete photos
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("bucket-policy.delete", {"bucket": bucket})
    if as_json:
        print_json(result)
    else:
        print(f"{bucket} has no policy now")


def explain(
    action: Action,
    resource: Resource,
    *,
    key: Annotated[str | None, typer.Option("--key", help="The access key that asks.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="The user who asks, by a key without limits.")] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Nobody asks: the request is not signed.")] = False,
    context: Annotated[
        list[str] | None, typer.Option("--context", help="NAME=VALUE of a condition key; may be given several times.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version-id", help="The version asked for.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say whether a request would be allowed, on what ground, and which statement decides. Exit code 1: refused.

    The server's own code decides. What the request would bring along (address, TLS, headers) is given with --context;
    aws:CurrentTime is now unless it is given.

    Example: segctl policy explain --user alice s3:GetObject photos/cat.jpg --context aws:SourceIp=192.0.2.7
    """
    if sum([key is not None, user is not None, anonymous]) != 1:
        raise typer.BadParameter("say who asks: one of --key, --user and --anonymous")
    pairs = [list(entry.partition("=")[::2]) for entry in context or []]
    if not all("=" in entry for entry in context or []):
        raise typer.BadParameter("--context is NAME=VALUE, as aws:SourceIp=192.0.2.7")
    asked = {
        "action": action,
        "resource": resource,
        "key": key,
        "user": user,
        "version": version,
        "context": pairs,
    }
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("policy.explain", asked)
    if as_json:
        print_json(result)
    else:
        _print_decision(result)
    raise typer.Exit(EXIT_OK if result["allowed"] else EXIT_FINDINGS)


def _print_decision(result: dict[str, Any]) -> None:
    principal = result["principal"]
    who = "anonymous" if "anonymous" in principal else principal["user"]
    if principal.get("key"):
        who += f" (key {principal['key']})"
    rows = [
        ("principal", who),
        ("action", result["action"]),
        ("resource", shown(result["resource"])),
        ("allowed", yes_or_no(result["allowed"])),
        ("ground", result["ground"]),
    ]
    if result["statement"] is not None:
        name = f" ({shown(result['sid'])})" if result["sid"] else ""
        rows.append(("statement", f"{result['statement']}{name}"))
    print_table([*rows, ("reason", shown(result["reason"]))])
