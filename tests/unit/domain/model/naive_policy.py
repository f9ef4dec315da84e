"""What a policy in AWS's language says, worked out slowly and plainly; it shares no code with the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from ipaddress import ip_address
from typing import Any

Context = Mapping[str, tuple[str, ...]]
STAR, MARK = object(), object()
NOTHING = object()


def glob(tokens: list[Any], text: str) -> bool:
    if not tokens:
        return text == ""
    if tokens[0] is STAR:
        return glob(tokens[1:], text) or (text != "" and glob(tokens, text[1:]))
    return text != "" and (tokens[0] is MARK or tokens[0] == text[0]) and glob(tokens[1:], text[1:])


def tokens_of(text: str, context: Context, *, wildcards: bool, variables: bool) -> list[Any]:
    """Characters, STAR and MARK; NOTHING (equal to no character) for a variable without a value."""
    found: list[Any] = []
    while text:
        if variables and text.startswith("${"):
            inner, text = text[2:].split("}", 1)
            name, comma, default = inner.partition(",")
            values = context.get(name.lower(), ())
            if inner in ("*", "?", "$"):
                found.append(inner)
            elif len(values) == 1:
                found += list(values[0])
            else:
                found += list(default.strip().strip("'")) if comma else [NOTHING]
            continue
        found.append({"*": STAR, "?": MARK}.get(text[0], text[0]) if wildcards else text[0])
        text = text[1:]
    return found


def unresolved(text: str, context: Context) -> bool:
    return NOTHING in tokens_of(text, context, wildcards=True, variables=True)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def covers(name: str, action: str, *, allow: bool) -> bool:
    if name == "*":
        return action.startswith("s3:") or not allow
    vendor, wanted = name.lower().split(":")
    own, rest = action.lower().split(":")
    return own == vendor and glob(tokens_of(wanted, {}, wildcards=True, variables=False), rest)


def about_action(statement: Any, action: str, *, allow: bool) -> bool:
    if "Action" in statement:
        return any(covers(name, action, allow=allow) for name in listed(statement["Action"]))
    if allow and not action.startswith("s3:"):
        return False
    return not any(covers(name, action, allow=allow) for name in listed(statement["NotAction"]))


def about_resource(statement: Any, resource: str, context: Context, *, allow: bool, variables: bool) -> bool:
    def match(pattern: str) -> bool:
        prefix = "arn:aws:s3:::"
        tokens = tokens_of(pattern.removeprefix(prefix), context, wildcards=True, variables=variables)
        return glob(tokens, resource.removeprefix(prefix))

    if "Resource" in statement:
        return any(match(pattern) for pattern in listed(statement["Resource"]))
    patterns = listed(statement["NotResource"])
    if allow and variables and any(unresolved(pattern, context) for pattern in patterns):
        return False
    return not any(match(pattern) for pattern in patterns)


def about_principal(statement: Any, name: str | None, canonical: str) -> bool:
    element = "Principal" if "Principal" in statement else "NotPrincipal"
    if element not in statement:
        return True
    value = statement[element]
    if value == "*":
        return True
    arn = None if name is None else f"arn:aws:iam::000000000000:{'root' if name == 'root' else 'user/' + name}"
    hit = any(one in ("*", arn) for one in listed(value.get("AWS", [])))
    hit = hit or (canonical != "" and canonical in listed(value.get("CanonicalUser", [])))
    return hit is (element == "Principal")


# ------------------------------------------------------------------------------------------------ conditions
def number(text: str) -> Fraction | None:
    digits = text.removeprefix("-").replace(".", "", 1)
    return Fraction(text) if digits and set(digits) <= set("0123456789") else None


def moment(text: str) -> Fraction | None:
    if text and set(text) <= set("0123456789"):
        return Fraction(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return Fraction(int(when.timestamp() * 1000), 1000)


def bits(text: str) -> str:
    address = ip_address(text)
    return f"{address.version}:" + format(int(address), "0128b" if address.version == 6 else "032b")


def in_network(text: str, wanted: str) -> bool:
    address, _, length = wanted.partition("/")
    whole = bits(address)
    return bits(text)[: 2 + int(length or len(whole) - 2)] == whole[: 2 + int(length or len(whole) - 2)]


def arn_like(text: str, wanted: str, context: Context, *, variables: bool) -> bool:
    tokens = tokens_of(wanted, context, wildcards=True, variables=variables)
    parts: list[list[Any]] = [[]]
    # The values that the tests give to variables have no colon.
    for token in tokens:
        if token == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(token)
    found = text.split(":", 5)
    return len(found) == 6 and all(glob(one, part) for one, part in zip(parts, found, strict=True))


def compare(kind: str, text: str, wanted: str, context: Context, *, variables: bool) -> bool:
    """The positive comparison ``kind``."""
    if kind.startswith("Arn"):
        return arn_like(text, wanted, context, variables=variables)
    if kind.startswith("String"):
        tokens = tokens_of(wanted, context, wildcards=kind == "StringLike", variables=variables)
        if kind == "StringEqualsIgnoreCase":
            return glob([one.casefold() if isinstance(one, str) else one for one in tokens], text.casefold())
        return glob(tokens, text)
    if kind == "Bool":
        return text.lower() == wanted.lower()
    if kind == "IpAddress":
        return in_network(text, wanted)
    family, order = ("Numeric", number) if kind.startswith("Numeric") else ("Date", moment)
    left, right = order(text), order(wanted)
    if left is None or right is None:
        return False
    results = {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }
    return results[kind.removeprefix(family)]


def holds(name: str, key: str, wanted: list[str], context: Context, *, allow: bool, variables: bool) -> bool:
    values = context.get(key.lower(), ())
    if name == "Null":
        return ("true" if not values else "false") in [one.lower() for one in wanted]
    each, _, name = name.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    kind = name.replace("Not", "")
    textual = variables and kind.startswith(("String", "Arn"))
    if negated and allow and textual and any(unresolved(one, context) for one in wanted):
        return False
    if not values:
        return optional or each == "ForAllValues" or (negated and each == "")
    hits = [any(compare(kind, value, one, context, variables=variables) for one in wanted) for value in values]
    if each == "":
        return any(hits) is not negated
    results = [hit is not negated for hit in hits]
    return all(results) if each == "ForAllValues" else any(results)


def decide(policy: Any, *, name: str | None, canonical: str, action: str, resource: str, context: Context) -> Any:
    """(effect, number of the statement) or None."""
    variables = policy.get("Version") == "2012-10-17"
    found: dict[str, int] = {}
    for index, statement in enumerate(listed(policy["Statement"]), start=1):
        allow = statement["Effect"] == "Allow"
        applies = (
            about_principal(statement, name, canonical)
            and about_action(statement, action, allow=allow)
            and about_resource(statement, resource, context, allow=allow, variables=variables)
            and all(
                holds(operator, key, [written(v) for v in listed(w)], context, allow=allow, variables=variables)
                for operator, keys in statement.get("Condition", {}).items()
                for key, w in keys.items()
            )
        )
        if applies:
            found.setdefault(statement["Effect"], index)
    for effect in ("Deny", "Allow"):
        if effect in found:
            return effect, found[effect]
    return None
