"""LifecycleConfiguration, read and written; what is stored is shown again as it was given.

Source: API Reference, PutBucketLifecycleConfiguration and GetBucketLifecycleConfiguration (elements in the order of
the documented response).
"""

from __future__ import annotations

import re
from dataclasses import replace

from seglake.adapters.s3_protocol.errors import escape, invalid_argument
from seglake.adapters.s3_protocol.http_dates import iso_date, parse_iso_date
from seglake.adapters.s3_protocol.xml_in import NAMESPACE, Element, Node, malformed, read
from seglake.domain.model.lifecycle import (
    DAYS_MAX,
    RULES_MAX,
    Expiration,
    Filter,
    FilterForm,
    Lifecycle,
    MinimumSize,
    NoncurrentExpiration,
    Rule,
    generated_id,
)
from seglake.domain.model.limits import TAGS_MAX

MINIMUM_SIZE_HEADER = "x-amz-transition-default-minimum-object-size"

_SPACE = " \t\r\n"
_NUMBER = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_DATE_ALONE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TEXT = Element()
_TAG = Element({"Key": _TEXT, "Value": _TEXT}, repeat=TAGS_MAX)
_ONE_TAG = replace(_TAG, repeat=1)
_SIZES = {"ObjectSizeGreaterThan": _TEXT, "ObjectSizeLessThan": _TEXT}
_FILTER = Element(
    {"Prefix": _TEXT, "Tag": _ONE_TAG, **_SIZES, "And": Element({"Prefix": _TEXT, "Tag": _TAG, **_SIZES})}
)
# There is one kind of storage here, so nothing could move to another; a rule that wants it is not taken.
_TRANSITION = Element(refused=True)
_RULE = Element(
    {
        "ID": _TEXT,
        "Prefix": _TEXT,
        "Filter": _FILTER,
        "Status": _TEXT,
        "Expiration": Element({"Date": _TEXT, "Days": _TEXT, "ExpiredObjectDeleteMarker": _TEXT}),
        "NoncurrentVersionExpiration": Element({"NoncurrentDays": _TEXT, "NewerNoncurrentVersions": _TEXT}),
        "AbortIncompleteMultipartUpload": Element({"DaysAfterInitiation": _TEXT}),
        "Transition": _TRANSITION,
        "NoncurrentVersionTransition": _TRANSITION,
    },
    # One more than allowed, so that too many rules are told from a document of another shape.
    repeat=RULES_MAX + 1,
)
_LIFECYCLE = Element({"Rule": _RULE})


def parse_minimum_size(header: str | None) -> MinimumSize:
    """The value of MINIMUM_SIZE_HEADER, None = not sent. S3Error InvalidArgument."""
    if header is None:
        return MinimumSize.ALL_128K
    try:
        return MinimumSize(header)
    except ValueError:
        known = ", ".join([size.value for size in MinimumSize])
        raise invalid_argument(MINIMUM_SIZE_HEADER, header, f"one of {known} is expected") from None


def parse_lifecycle(body: bytes, minimum_size: MinimumSize = MinimumSize.ALL_128K) -> Lifecycle:
    """The rules of a document, checked; a rule without an ID is given one.

    Raises S3Error MalformedXML, NotImplemented for transitions; InvalidRequest, InvalidArgument.
    """
    nodes = read(body, "LifecycleConfiguration", _LIFECYCLE).nodes.get("Rule")
    if not nodes:
        raise malformed("LifecycleConfiguration has no Rule")
    rules = [_rule(node) for node in nodes]
    named = [rule if rule.id else replace(rule, id=generated_id(at, rule)) for at, rule in enumerate(rules)]
    lifecycle = Lifecycle(tuple(named), minimum_size)
    lifecycle.check()
    return lifecycle


def _rule(node: Node) -> Rule:
    status = node.texts.get("Status", "").strip(_SPACE)
    if status not in ("Enabled", "Disabled"):
        raise malformed(f"a Rule's Status must be Enabled or Disabled, not {status[:40]!r}")
    abort = _child(node, "AbortIncompleteMultipartUpload")
    return Rule(
        id=node.texts.get("ID", ""),
        enabled=status == "Enabled",
        filter=_rule_filter(node),
        expiration=_expiration(_child(node, "Expiration")),
        noncurrent=_noncurrent(_child(node, "NoncurrentVersionExpiration")),
        abort_days=None if abort is None else _required(abort, "DaysAfterInitiation"),
    )


def _child(node: Node, name: str) -> Node | None:
    found = node.nodes.get(name)
    return found[0] if found else None


def _rule_filter(node: Node) -> Filter:
    chosen, prefix = _child(node, "Filter"), node.texts.get("Prefix")
    if (chosen is None) == (prefix is None):
        raise malformed("a Rule needs either a Filter or a Prefix")
    if chosen is None:
        return Filter(FilterForm.PREFIX, prefix)
    both = _child(chosen, "And")
    if both is None:
        if _conditions(chosen) > 1:
            raise malformed("a Filter has one condition; several stand in an And")
        return _filter(chosen, FilterForm.SINGLE)
    if _conditions(chosen):
        raise malformed("beside an And a Filter has no other condition")
    if _conditions(both) < 2:
        raise malformed("an And has two conditions at least")
    return _filter(both, FilterForm.AND)


def _conditions(node: Node) -> int:
    return len(node.texts) + len(node.nodes.get("Tag", ()))


def _filter(node: Node, form: FilterForm) -> Filter:
    return Filter(
        form,
        node.texts.get("Prefix"),
        tuple([_tag(tag) for tag in node.nodes.get("Tag", ())]),
        _number(node, "ObjectSizeGreaterThan"),
        _number(node, "ObjectSizeLessThan"),
    )


def _tag(node: Node) -> tuple[str, str]:
    if node.texts.keys() != {"Key", "Value"}:
        raise malformed("a Tag needs a Key and a Value")
    return node.texts["Key"], node.texts["Value"]


def _expiration(node: Node | None) -> Expiration | None:
    if node is None:
        return None
    if len(node.texts) != 1:
        raise malformed("an Expiration has one of Days, Date and ExpiredObjectDeleteMarker")
    markers = node.texts.get("ExpiredObjectDeleteMarker")
    if markers is not None and markers.strip(_SPACE) not in ("true", "false"):
        raise malformed("ExpiredObjectDeleteMarker must be true or false")
    return Expiration(_number(node, "Days"), _date(node), None if markers is None else markers.strip(_SPACE) == "true")


def _noncurrent(node: Node | None) -> NoncurrentExpiration | None:
    if node is None:
        return None
    return NoncurrentExpiration(_required(node, "NoncurrentDays"), _number(node, "NewerNoncurrentVersions"))


def _date(node: Node) -> int | None:
    text = node.texts.get("Date")
    if text is None:
        return None
    text = text.strip(_SPACE)
    found = parse_iso_date(f"{text}T00:00:00Z" if _DATE_ALONE.fullmatch(text) else text)
    if found is None:
        raise malformed(f"the Date must be in ISO 8601, like 2030-01-31T00:00:00Z, not {text[:40]!r}")
    return found


def _required(node: Node, name: str) -> int:
    found = _number(node, name)
    if found is None:
        raise malformed(f"{name} is missing")
    return found


def _number(node: Node, name: str) -> int | None:
    text = node.texts.get(name)
    if text is None:
        return None
    text = text.strip(_SPACE)
    if not _NUMBER.fullmatch(text) or (name not in _SIZES and int(text) > DAYS_MAX):
        raise malformed(f"{name} must be a whole number, not {text[:40]!r}")
    return int(text)


def render_lifecycle(lifecycle: Lifecycle) -> bytes:
    """LifecycleConfiguration, as GetBucketLifecycleConfiguration answers it."""
    rules = "".join([f"<Rule>{_shown_rule(rule)}</Rule>" for rule in lifecycle.rules])
    text = f'<LifecycleConfiguration xmlns="{NAMESPACE}">{rules}</LifecycleConfiguration>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _shown_rule(rule: Rule) -> str:
    expiration, noncurrent = rule.expiration, rule.noncurrent
    old_form = rule.filter.form is FilterForm.PREFIX
    parts = []
    if rule.abort_days is not None:
        parts.append(_nest("AbortIncompleteMultipartUpload", _leaf("DaysAfterInitiation", rule.abort_days)))
    if expiration is not None:
        date = None if expiration.date_ms is None else iso_date(expiration.date_ms)
        markers = None if expiration.markers is None else str(expiration.markers).lower()
        inner = _leaf("Date", date) + _leaf("Days", expiration.days) + _leaf("ExpiredObjectDeleteMarker", markers)
        parts.append(_nest("Expiration", inner))
    if not old_form:
        inner = _shown_filter(rule.filter)
        parts.append(_nest("Filter", _nest("And", inner) if rule.filter.form is FilterForm.AND else inner))
    parts.append(_leaf("ID", rule.id))
    if noncurrent is not None:
        inner = _leaf("NewerNoncurrentVersions", noncurrent.keep) + _leaf("NoncurrentDays", noncurrent.days)
        parts.append(_nest("NoncurrentVersionExpiration", inner))
    if old_form:
        parts.append(_leaf("Prefix", rule.filter.prefix))
    parts.append(_leaf("Status", "Enabled" if rule.enabled else "Disabled"))
    return "".join(parts)


def _shown_filter(chosen: Filter) -> str:
    tags = [_nest("Tag", _leaf("Key", name) + _leaf("Value", value)) for name, value in chosen.tags]
    sizes = _leaf("ObjectSizeGreaterThan", chosen.above) + _leaf("ObjectSizeLessThan", chosen.below)
    return f"{sizes}{_leaf('Prefix', chosen.prefix)}{''.join(tags)}"


def _nest(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _leaf(name: str, value: str | int | None) -> str:
    return "" if value is None else f"<{name}>{escape(str(value))}</{name}>"
