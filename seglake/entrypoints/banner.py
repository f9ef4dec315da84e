"""What a person needs to begin: the endpoint, the key, and a line to paste. A given secret is shown on a terminal only,
a generated one once."""

from __future__ import annotations

import shlex

from .administration import given_root
from .lifespan import Running


def banner(running: Running, *, terminal: bool) -> str:
    """Several lines of text for standard output."""
    settings = running.settings
    place = "memory only (--ephemeral): nothing survives the process" if settings.ephemeral else str(settings.data_dir)
    lines = [
        "Seglake is ready",
        f"  endpoint    {running.endpoint}",
        f"  data        {place}",
        f"  access key  {running.access_key}",
    ]
    secret, remark = _secret(running, terminal=terminal)
    lines.append(f"  secret key  {secret or remark}")
    if secret and remark:
        lines.append(f"              {remark}")
    lines += ["", "Try it:", *_aws_lines(running, secret)]
    return "\n".join(lines)


def _secret(running: Running, *, terminal: bool) -> tuple[str, str]:
    """(the secret if it is shown, a remark)."""
    settings = running.settings
    if running.generated is not None:
        kept = "lost with the process" if settings.ephemeral else "not printed again; `seglake keys root` shows it"
        return running.generated.secret, f"(just generated; {kept})"
    given = given_root(settings)
    if given is None:
        return "", "(generated at the first start; `seglake keys root` shows it)"
    return (given.secret, "") if terminal else ("", "(as given)")


def _aws_lines(running: Running, secret: str) -> list[str]:
    settings = running.settings
    if secret:
        credentials = (
            f"AWS_ACCESS_KEY_ID={shlex.quote(running.access_key)} AWS_SECRET_ACCESS_KEY={shlex.quote(secret)}"
            f" AWS_DEFAULT_REGION={settings.region}"
        )
        lines = [f"  export {credentials}"]
    elif given_root(settings) is not None:
        known = f"AWS_ACCESS_KEY_ID={shlex.quote(running.access_key)} AWS_DEFAULT_REGION={settings.region}"
        lines = [f"  export {known} AWS_SECRET_ACCESS_KEY=..."]
    else:
        lines = [f'  eval "$(seglake keys root --env --data-dir {shlex.quote(str(settings.data_dir))})"']
    aws = f"aws --endpoint-url {running.endpoint} s3"
    return [*lines, f"  {aws} mb s3://demo && echo hello | {aws} cp - s3://demo/hello.txt && {aws} ls s3://demo"]
