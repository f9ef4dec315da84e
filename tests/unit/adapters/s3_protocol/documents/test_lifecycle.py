from __future__ import annotations

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from seglake.adapters.s3_protocol.documents.lifecycle import parse_lifecycle, parse_minimum_size, render_lifecycle
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.xml_in import NAMESPACE
from seglake.domain.model.errors import InvalidArgument, InvalidRequest
from seglake.domain.model.lifecycle import (
    DAY_MS,
    Expiration,
    Filter,
    FilterForm,
    MinimumSize,
    NoncurrentExpiration,
    Rule,
    parse_text,
    to_text,
)

DAYS = "<Expiration><Days>3</Days></Expiration>"
ALL = "<Filter/>"


def document(*rules: str) -> bytes:
    inner = "".join([f"<Rule>{rule}</Rule>" for rule in rules])
    return f'<LifecycleConfiguration xmlns="{NAMESPACE}">{inner}</LifecycleConfiguration>'.encode()


def one(*elements: str, status: str = "Enabled", rule_id: str = "id") -> bytes:
    return document(f"<ID>{rule_id}</ID>{''.join(elements)}<Status>{status}</Status>")


def parsed(*elements: str) -> Rule:
    (rule,) = parse_lifecycle(one(*elements)).rules
    return rule


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (ALL, Filter()),
        ("<Filter></Filter>", Filter()),
        ("<Prefix></Prefix>", Filter(FilterForm.PREFIX, "")),
        ("<Prefix> a/&amp;</Prefix>", Filter(FilterForm.PREFIX, " a/&")),
        ("<Filter><Prefix/></Filter>", Filter(prefix="")),
        ("<Filter><Prefix>logs/</Prefix></Filter>", Filter(prefix="logs/")),
        ("<Filter><Tag><Key>k</Key><Value/></Tag></Filter>", Filter(tags=(("k", ""),))),
        ("<Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter>", Filter(above=0)),
        ("<Filter><ObjectSizeLessThan> 7 </ObjectSizeLessThan></Filter>", Filter(below=7)),
        (
            "<Filter><And><Prefix>p</Prefix>"
            + "".join([f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in ("a1", "b2")])
            + "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>50</ObjectSizeLessThan>"
            + "</And></Filter>",
            Filter(FilterForm.AND, "p", (("a", "1"), ("b", "2")), 5, 50),
        ),
        (
            "<Filter><And><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></And></Filter>",
            Filter(FilterForm.AND, None, (("a", "1"), ("b", "2"))),
        ),
    ],
)
def test_filters_are_read(written: str, meant: Filter) -> None:
    assert parsed(written, DAYS).filter == meant


def test_actions_are_read() -> None:
    assert parsed(ALL, DAYS).expiration == Expiration(days=3)
    for date in ("1970-01-03T00:00:00Z", "1970-01-03T00:00:00.000Z", "1970-01-03", " 1970-01-03T00:00:00+00:00 "):
        assert parsed(ALL, f"<Expiration><Date>{date}</Date></Expiration>").expiration == Expiration(date_ms=2 * DAY_MS)
    for word in ("true", "false"):
        text = f"<Expiration><ExpiredObjectDeleteMarker>{word}</ExpiredObjectDeleteMarker></Expiration>"
        assert parsed(ALL, text).expiration == Expiration(markers=word == "true")
    noncurrent = "<NoncurrentVersionExpiration><NoncurrentDays>4</NoncurrentDays>{}</NoncurrentVersionExpiration>"
    newer = "<NewerNoncurrentVersions>5</NewerNoncurrentVersions>"
    assert parsed(ALL, noncurrent.format("")).noncurrent == NoncurrentExpiration(4)
    assert parsed(ALL, noncurrent.format(newer)).noncurrent == NoncurrentExpiration(4, 5)
    abort = (
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>6</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    )
    assert parsed(ALL, abort).abort_days == 6


def test_a_rule_is_enabled_or_disabled() -> None:
    assert [parse_lifecycle(one(ALL, DAYS, status=word)).rules[0].enabled for word in ("Enabled", "Disabled")] == [
        True,
        False,
    ]


def test_a_rule_without_an_id_is_given_one_and_every_time_the_same() -> None:
    body = document(*[f"<Filter/><Status>Enabled</Status>{DAYS}", f"<ID/><Filter/><Status>Enabled</Status>{DAYS}"])
    first, second = parse_lifecycle(body).rules
    assert first.id != second.id
    assert len(first.id) == 48
    assert parse_lifecycle(body).rules == (first, second)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        document(),
        document(f"{ALL}{DAYS}"),
        one(ALL, DAYS, status="enabled"),
        one(DAYS),
        one(ALL, "<Prefix>a</Prefix>", DAYS),
        one("<Filter><Prefix>a</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>", DAYS),
        one("<Filter><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>c</Key><Value>b</Value></Tag></Filter>", DAYS),
        one("<Filter><And><Prefix>a</Prefix></And></Filter>", DAYS),
        one(
            "<Filter><Prefix>a</Prefix><And><Prefix>a</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>",
            DAYS,
        ),
        one("<Filter><Tag><Key>a</Key></Tag></Filter>", DAYS),
        one("<Filter><Suffix>a</Suffix></Filter>", DAYS),
        one(ALL, "<Expiration/>"),
        one(ALL, "<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>"),
        one(ALL, "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>"),
        one(ALL, "<Expiration><ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker></Expiration>"),
        *[one(ALL, f"<Expiration><Days>{days}</Days></Expiration>") for days in ("", "1.5", "1_0", "²", "2147483648")],
        *[
            one(ALL, f"<Expiration><Date>{date}</Date></Expiration>")
            for date in ("", "tomorrow", "2030-02-30", "2030-01-01T00:00:00+01:00")
        ],
        one(ALL, "<NoncurrentVersionExpiration/>"),
        one(
            ALL,
            "<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
            "</NoncurrentVersionExpiration>",
        ),
        one(ALL, "<AbortIncompleteMultipartUpload/>"),
        one(ALL, DAYS, DAYS),
        document(*[f"<ID>{number}</ID>{ALL}<Status>Enabled</Status>{DAYS}" for number in range(1002)]),
        one(f"<Filter><And>{'<Tag><Key>a</Key><Value>b</Value></Tag>' * 11}</And></Filter>", DAYS),
    ],
)
def test_what_is_not_in_the_schema_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        parse_lifecycle(body)
    assert caught.value.code is ErrorCode.MalformedXML


@pytest.mark.parametrize("name", ["Transition", "NoncurrentVersionTransition"])
def test_transitions_are_refused_by_name(name: str) -> None:
    text = f"<{name}><Days>1</Days><StorageClass>GLACIER</StorageClass></{name}>"
    with pytest.raises(S3Error, match=name) as caught:
        parse_lifecycle(one(ALL, DAYS, text))
    assert caught.value.code is ErrorCode.NotImplemented


def test_what_the_schema_allows_is_checked_too() -> None:
    with pytest.raises(InvalidRequest, match="action"):
        parse_lifecycle(one(ALL))
    with pytest.raises(InvalidArgument, match="Days"):
        parse_lifecycle(one(ALL, "<Expiration><Days>-3</Days></Expiration>"))
    with pytest.raises(InvalidArgument, match="midnight"):
        parse_lifecycle(one(ALL, "<Expiration><Date>2030-01-01T12:00:00Z</Date></Expiration>"))
    rules = [f"<ID>{number}</ID>{ALL}<Status>Enabled</Status>{DAYS}" for number in range(1001)]
    with pytest.raises(InvalidRequest, match="1000"):
        parse_lifecycle(document(*rules))


def test_the_minimum_size_is_one_of_two_words() -> None:
    assert parse_minimum_size(None) is MinimumSize.ALL_128K
    assert parse_minimum_size("varies_by_storage_class") is MinimumSize.VARIES
    with pytest.raises(S3Error) as caught:
        parse_minimum_size("64K")
    assert caught.value.code is ErrorCode.InvalidArgument


EVERYTHING = document(
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>6</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    "<Expiration><Date>2030-01-31T00:00:00.000Z</Date></Expiration><Filter><Prefix>a&amp;b</Prefix></Filter>"
    "<ID>one &lt;1&gt;</ID><NoncurrentVersionExpiration><NewerNoncurrentVersions>5</NewerNoncurrentVersions>"
    "<NoncurrentDays>4</NoncurrentDays></NoncurrentVersionExpiration><Status>Enabled</Status>",
    "<Expiration><Days>3</Days></Expiration><Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
    "<ObjectSizeLessThan>50</ObjectSizeLessThan><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag></And></Filter>"
    "<ID>two</ID><Status>Disabled</Status>",
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><Filter></Filter>"
    "<ID>three</ID><Status>Enabled</Status>",
)
OLD_FORM = document("<Expiration><Days>3</Days></Expiration><ID>old</ID><Prefix>x</Prefix><Status>Enabled</Status>")


@pytest.mark.parametrize("body", [EVERYTHING, OLD_FORM])
def test_an_answer_shows_what_was_given_in_the_order_of_the_reference(body: bytes) -> None:
    lifecycle = parse_lifecycle(body)
    assert render_lifecycle(parse_text(to_text(lifecycle))).partition(b"\n")[2] == body
    assert parse_lifecycle(render_lifecycle(lifecycle)) == lifecycle


def test_botocore_reads_the_answer() -> None:
    model = Session().get_service_model("s3").operation_model("GetBucketLifecycleConfiguration")
    response = {"body": render_lifecycle(parse_lifecycle(EVERYTHING)), "headers": {}, "status_code": 200}
    first, second, third = create_parser("rest-xml").parse(response, model.output_shape)["Rules"]
    assert first["ID"] == "one <1>"
    assert first["Filter"] == {"Prefix": "a&b"}
    assert first["Expiration"]["Date"].isoformat() == "2030-01-31T00:00:00+00:00"
    assert first["NoncurrentVersionExpiration"] == {"NoncurrentDays": 4, "NewerNoncurrentVersions": 5}
    assert first["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 6}
    assert second["Filter"]["And"] == {
        "Prefix": "p",
        "Tags": [{"Key": "a", "Value": "1"}],
        "ObjectSizeGreaterThan": 5,
        "ObjectSizeLessThan": 50,
    }
    assert (second["Status"], second["Expiration"]) == ("Disabled", {"Days": 3})
    assert third["Expiration"] == {"ExpiredObjectDeleteMarker": True}
