"""`seglake keys`, `segctl key`: who may sign, and how far. A secret is shown when it is made and never again.

Works whether the server runs or not.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import AccessKey, BucketName, SecretFile, asking, secret_of, text_or_file, yes_or_no
from .output import DataDir, Json, print_columns, print_json, print_table, shown, told

PolicyText = Annotated[
    str, typer.Argument(help="rw, ro, a policy document, or @FILE with one.", metavar="POLICY", show_default=False)
]
BucketOrAll = Annotated[
    str, typer.Argument(help="The bucket; '*' lifts the limit.", metavar="BUCKET", show_default=False)
]


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(help="Access keys.", no_args_is_help=True, rich_markup_mode=None)
    register(commands)
    return commands


def register(commands: typer.Typer) -> None:
    """Adds the commands to a group."""
    commands.command()(create)
    commands.command("list")(list_keys)
    commands.command()(show)
    commands.command()(rotate)
    commands.command()(enable)
    commands.command()(disable)
    commands.command()(delete)
    commands.command("set-policy")(set_policy)
    commands.command("allow-bucket")(allow_bucket)
    commands.command("disallow-bucket")(disallow_bucket)
    commands.command("list-buckets")(list_buckets)


def create(
    *,
    user: Annotated[str, typer.Option("--user", help="Whose key it is.")] = "root",
    policy: Annotated[str, typer.Option("--policy", help="rw, ro, a policy document, or @FILE with one.")] = "rw",
    bucket: Annotated[
        list[str] | None, typer.Option("--bucket", help="Limit the key to this bucket; may be given several times.")
    ] = None,
    access_key: Annotated[
        str | None, typer.Option("--access-key", help="The access key; else one is generated.")
    ] = None,
    secret_file: SecretFile = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make an access key and show its secret, this once.

    Examples: segctl key create --user alice --policy ro --bucket photos; segctl key create --policy @uploads-only.json
    """
    with told(as_json=as_json):
        wanted = {
            "user": user,
            "policy": text_or_file(policy),
            "buckets": bucket or [],
            "access_key": access_key,
            "secret_key": secret_of(secret_file),
        }
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("key.create", wanted)
    _print_pair(result, as_json)


def list_keys(
    *,
    user: Annotated[str | None, typer.Option("--user", help="Only the keys of this user.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List access keys; never their secrets. A key given with --access-key is not in the store and not in the list.

    Example: segctl key list --user alice
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("key.list", {"user": user})
    if as_json:
        print_json(result)
        return
    rows = [
        (key["access_key"], key["user"], yes_or_no(key["enabled"]), _policy(key), _buckets(key), key["created"])
        for key in result["keys"]
    ]
    print_columns(
        ("ACCESS KEY", "USER", "ENABLED", "POLICY", "BUCKETS", "CREATED"), rows, none="there are no keys in the store"
    )


def show(access_key: AccessKey, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show an access key with its policy; not its secret, which nobody can see again.

    Example: segctl key show SLEXAMPLE
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("key.show", {"access_key": access_key})
    if as_json:
        print_json(result)
        return
    print_table(
        [
            ("access key", result["access_key"]),
            ("user", result["user"]),
            ("enabled", yes_or_no(result["enabled"])),
            ("policy", _policy(result)),
            ("buckets", _buckets(result)),
            ("created", result["created"]),
        ]
    )
    if result["policy"].startswith("{"):
        print("\n".join([shown(line) for line in result["policy"].splitlines()]))


def rotate(
    access_key: AccessKey, *, secret_file: SecretFile = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Give an access key a new secret and show it, this once. The old secret is refused at once.

    Example: segctl key rotate SLEXAMPLE
    """
    with told(as_json=as_json):
        secret = secret_of(secret_file)
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("key.rotate", {"access_key": access_key, "secret_key": secret})
    _print_pair(result, as_json)


def enable(access_key: AccessKey, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let a disabled access key in again.

    Example: segctl key enable SLEXAMPLE
    """
    _change("enable", "enabled", {"access_key": access_key}, data_dir, as_json)


def disable(access_key: AccessKey, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Refuse an access key, at once. The last enabled root key stays.

    Example: segctl key disable SLEXAMPLE
    """
    _change("disable", "disabled", {"access_key": access_key}, data_dir, as_json)


def delete(access_key: AccessKey, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Remove an access key. What was written with it stays. The last enabled root key stays, too.

    Example: segctl key delete SLEXAMPLE
    """
    _change("delete", "deleted", {"access_key": access_key}, data_dir, as_json)


def set_policy(access_key: AccessKey, policy: PolicyText, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say what a key may do: rw (everything), ro (read and list), or a policy document (docs/policies.md).

    Examples: segctl key set-policy SLEXAMPLE ro; segctl key set-policy SLEXAMPLE @uploads-only.json
    """
    with told(as_json=as_json):
        text = text_or_file(policy)
    _change("set-policy", "changed", {"access_key": access_key, "policy": text}, data_dir, as_json)


def allow_bucket(
    access_key: AccessKey, bucket: BucketOrAll, *, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Limit a key to the buckets it was limited to so far, and this one. '*' lifts the limit.

    Example: segctl key allow-bucket SLEXAMPLE photos
    """
    _change("allow-bucket", "changed", {"access_key": access_key, "bucket": bucket}, data_dir, as_json)


def disallow_bucket(
    access_key: AccessKey, bucket: BucketName, *, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Take a bucket from those that a key is limited to; the last one stays, since no limit means all buckets.

    Example: segctl key disallow-bucket SLEXAMPLE photos
    """
    _change("disallow-bucket", "changed", {"access_key": access_key, "bucket": bucket}, data_dir, as_json)


def list_buckets(access_key: AccessKey, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the buckets that a key is limited to.

    Example: segctl key list-buckets SLEXAMPLE
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("key.list-buckets", {"access_key": access_key})
    if as_json:
        print_json(result)
    else:
        print("\n".join(result["buckets"]) if result["limited"] else f"the key {access_key} is not limited to buckets")


def _change(verb: str, done: str, parameters: dict[str, Any], data_dir: Any, as_json: bool) -> None:
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call(f"key.{verb}", parameters)
    if as_json:
        print_json(result)
        return
    left = "" if verb == "delete" else f": {_policy(result)}, {_buckets(result)}"
    print(f"key {result['access_key']} {done}{left}")


def _print_pair(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    print_table(
        [
            ("access key", result["access_key"]),
            ("secret key", result["secret_key"]),
            ("user", result["user"]),
            ("policy", _policy(result)),
            ("buckets", _buckets(result)),
        ]
    )
    print("The secret is not shown again.")


def _policy(key: dict[str, Any]) -> str:
    policy: str = key["policy"]
    return "document" if policy.startswith("{") else policy


def _buckets(key: dict[str, Any]) -> str:
    return ", ".join(key["buckets"]) or "all buckets"
