"""Answers are read by the SDK's own parsers, value for value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.parsers import RestXMLParser
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol import xml_out
from seglake.adapters.s3_protocol.request import percent_decode
from seglake.adapters.s3_protocol.xml_in import NAMESPACE
from seglake.adapters.s3_protocol.xml_out import Asked, Deleted, Failed
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType
from seglake.domain.model.hlc import HLC
from seglake.domain.model.listing import ObjectPage, PartPage, UploadPage, VersionPage
from seglake.domain.model.manifest import VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.user import canonical_id
from seglake.domain.model.version import VersionEntry

MODEL: Any = botocore.session.get_session().get_service_model("s3")
MS = 1_255_369_830_123
WHEN = datetime(2009, 10, 12, 17, 50, 30, 123000, tzinfo=UTC)
ODD = "a b/<&>\"'\r\n\t漢😀+%41\\"
STAMP = HLC(MS << 16, 1)
OWNER = {"ID": canonical_id(0, "root"), "DisplayName": "root"}


def read(operation: str, body: bytes) -> dict[str, Any]:
    """What botocore makes of an answer."""
    assert NAMESPACE.encode() in body
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<')
    shape = MODEL.operation_model(operation).output_shape
    parsed: dict[str, Any] = RestXMLParser().parse({"status_code": 200, "headers": {}, "body": body}, shape)
    del parsed["ResponseMetadata"]
    return parsed


def entry(key: str, *, kind: VersionKind = VersionKind.OBJECT, null: bool = False, checksum: str = "") -> VersionEntry:
    size, etag = (7, "0" * 32) if kind is VersionKind.OBJECT else (0, "")
    return VersionEntry(1, key, STAMP, kind, null, VersionState.ACTIVE, size, etag, MS, "root", "STANDARD", checksum)


def shown(key: str, **more: Any) -> dict[str, Any]:
    return {"Key": key, "LastModified": WHEN, "ETag": f'"{"0" * 32}"', "Size": 7, "StorageClass": "STANDARD", **more}


def test_buckets() -> None:
    bucket = Bucket("bucket", STAMP)
    body = xml_out.list_buckets([bucket], owner="root", prefix="b", next_token="t&")
    assert read("ListBuckets", body) == {
        "Owner": OWNER,
        "Buckets": [{"Name": "bucket", "CreationDate": WHEN, "BucketRegion": "us-east-1"}],
        "ContinuationToken": "t&",
        "Prefix": "b",
    }
    assert read("ListBuckets", xml_out.list_buckets([], owner="root")) == {"Owner": OWNER, "Buckets": []}


def test_objects_version_1() -> None:
    page = ObjectPage((entry(ODD), entry("k", checksum="CRC32/FULL_OBJECT")), ("p/", "q<"), "q<")
    got = read("ListObjects", xml_out.list_objects(Asked("bucket", "p", "/", 4), page, marker="m&"))
    assert got == {
        "Name": "bucket",
        "Prefix": "p",
        "Marker": "m&",
        "NextMarker": "q<",
        "MaxKeys": 4,
        "Delimiter": "/",
        "IsTruncated": True,
        "Contents": [
            shown(ODD, Owner=OWNER),
            shown("k", Owner=OWNER, ChecksumAlgorithm=["CRC32"], ChecksumType="FULL_OBJECT"),
        ],
        "CommonPrefixes": [{"Prefix": "p/"}, {"Prefix": "q<"}],
    }
    without = read("ListObjects", xml_out.list_objects(Asked("bucket"), page))
    assert "NextMarker" not in without
    assert without["IsTruncated"] is True


def test_objects_version_2() -> None:
    page = ObjectPage((entry("k"),), ("p/",), None)
    got = read(
        "ListObjectsV2", xml_out.list_objects_v2(Asked("bucket", delimiter="/"), page, start_after="a b", token="t")
    )
    assert got == {
        "Name": "bucket",
        "Prefix": "",
        "StartAfter": "a b",
        "ContinuationToken": "t",
        "KeyCount": 2,
        "MaxKeys": 1000,
        "Delimiter": "/",
        "IsTruncated": False,
        "Contents": [shown("k")],
        "CommonPrefixes": [{"Prefix": "p/"}],
    }
    more = read("ListObjectsV2", xml_out.list_objects_v2(Asked("bucket"), page, next_token="n", with_owner=True))
    assert (more["IsTruncated"], more["NextContinuationToken"]) == (True, "n")
    assert more["Contents"] == [shown("k", Owner=OWNER)]


def test_url_encoding_covers_every_name() -> None:
    page = ObjectPage((entry(ODD + "\x01"),), (ODD,), ODD)
    asked = Asked("bucket", ODD, ODD, 2, url_encoded=True)
    got = read("ListObjects", xml_out.list_objects(asked, page, marker=ODD))
    assert got["EncodingType"] == "url"
    assert percent_decode(got["Contents"][0]["Key"]) == ODD + "\x01"
    for value in (
        got["Prefix"],
        got["Delimiter"],
        got["Marker"],
        got["NextMarker"],
        got["CommonPrefixes"][0]["Prefix"],
    ):
        assert percent_decode(value) == ODD
        assert value.isascii()


def test_a_character_that_no_xml_can_hold_leaves_the_listing_readable() -> None:
    page = ObjectPage((entry("a\x01b\ufffe"), entry("c")), (), None)
    got = read("ListObjectsV2", xml_out.list_objects_v2(Asked("bucket"), page))
    assert [row["Key"] for row in got["Contents"]] == ["a\ufffdb\ufffd", "c"]


def test_versions() -> None:
    entries = (entry("k", kind=VersionKind.MARKER), entry("k"), entry("l", null=True))
    page = VersionPage(entries, (True, False, True), ("p/",), "l", "null")
    asked = Asked("bucket", "", "/", 3)
    got = read("ListObjectVersions", xml_out.list_versions(asked, page, key_marker="a", version_marker="v"))
    version = entries[0].version
    assert got == {
        "Name": "bucket",
        "Prefix": "",
        "KeyMarker": "a",
        "VersionIdMarker": "v",
        "NextKeyMarker": "l",
        "NextVersionIdMarker": "null",
        "MaxKeys": 3,
        "Delimiter": "/",
        "IsTruncated": True,
        "Versions": [
            shown("k", VersionId=version, IsLatest=False, Owner=OWNER),
            shown("l", VersionId="null", IsLatest=True, Owner=OWNER),
        ],
        "DeleteMarkers": [
            {"Key": "k", "VersionId": version, "IsLatest": True, "LastModified": WHEN, "Owner": OWNER},
        ],
        "CommonPrefixes": [{"Prefix": "p/"}],
    }


UPLOAD = Upload(
    "up-1",
    1,
    ODD,
    STAMP,
    headers=(("x-amz-storage-class", "STANDARD_IA"),),
    algorithm=ChecksumAlgorithm.CRC32,
    checksum_type=ChecksumType.COMPOSITE,
)


def test_uploads() -> None:
    page = UploadPage((UPLOAD,), ("p/",), "k", "up-1")
    asked = Asked("bucket", "p", "/", 1)
    got = read("ListMultipartUploads", xml_out.list_uploads(asked, page, key_marker="a", upload_marker="u"))
    assert got == {
        "Bucket": "bucket",
        "KeyMarker": "a",
        "UploadIdMarker": "u",
        "NextKeyMarker": "k",
        "NextUploadIdMarker": "up-1",
        "Prefix": "p",
        "Delimiter": "/",
        "MaxUploads": 1,
        "IsTruncated": True,
        "Uploads": [
            {
                "Key": ODD,
                "UploadId": "up-1",
                "Initiator": OWNER,
                "Owner": OWNER,
                "StorageClass": "STANDARD_IA",
                "Initiated": WHEN,
                "ChecksumAlgorithm": "CRC32",
                "ChecksumType": "COMPOSITE",
            }
        ],
        "CommonPrefixes": [{"Prefix": "p/"}],
    }


def test_parts() -> None:
    checksum = Checksum(ChecksumAlgorithm.CRC32, bytes(4))
    part = Part("up-1", 3, STAMP, 0, "0" * 32, MS, checksum, ())
    got = read("ListParts", xml_out.list_parts("bucket", PartPage(UPLOAD, (part,), 3), marker=2, maximum=1))
    assert got == {
        "Bucket": "bucket",
        "Key": ODD,
        "UploadId": "up-1",
        "Initiator": OWNER,
        "Owner": OWNER,
        "StorageClass": "STANDARD_IA",
        "PartNumberMarker": 2,
        "NextPartNumberMarker": 3,
        "MaxParts": 1,
        "IsTruncated": True,
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "COMPOSITE",
        "Parts": [
            {
                "PartNumber": 3,
                "LastModified": WHEN,
                "ETag": f'"{"0" * 32}"',
                "Size": 0,
                "ChecksumCRC32": "AAAAAA==",
            }
        ],
    }


def test_multipart_answers() -> None:
    got = read("CreateMultipartUpload", xml_out.initiate_multipart("bucket", ODD, "up"))
    assert got == {"Bucket": "bucket", "Key": ODD, "UploadId": "up"}
    checksum = Checksum(ChecksumAlgorithm.CRC32, bytes(4), ChecksumType.COMPOSITE, 2)
    body = xml_out.complete_multipart("bucket", "k", location="http://h/b/k?a&b", etag="abc-2", checksum=checksum)
    assert read("CompleteMultipartUpload", body) == {
        "Location": "http://h/b/k?a&b",
        "Bucket": "bucket",
        "Key": "k",
        "ETag": '"abc-2"',
        "ChecksumCRC32": "AAAAAA==-2",
        "ChecksumType": "COMPOSITE",
    }


def test_copies() -> None:
    checksum = Checksum(ChecksumAlgorithm.SHA1, bytes(20))
    expected = {"LastModified": WHEN, "ETag": '"abc"', "ChecksumSHA1": checksum.text}
    got = read("CopyObject", xml_out.copy_object("abc", MS, checksum))
    assert got == {"CopyObjectResult": {**expected, "ChecksumType": "FULL_OBJECT"}}
    assert read("UploadPartCopy", xml_out.copy_part("abc", MS, checksum)) == {"CopyPartResult": expected}


def test_deletions() -> None:
    gone = [Deleted(ODD), Deleted("k", "v", "v"), Deleted("l", None, "m")]
    results: list[Deleted | Failed] = [*gone, Failed("f", "v", "AccessDenied", "no <")]
    got = read("DeleteObjects", xml_out.delete_result(results))
    assert got == {
        "Deleted": [
            {"Key": ODD},
            {"Key": "k", "VersionId": "v", "DeleteMarker": True, "DeleteMarkerVersionId": "v"},
            {"Key": "l", "DeleteMarker": True, "DeleteMarkerVersionId": "m"},
        ],
        "Errors": [{"Key": "f", "VersionId": "v", "Code": "AccessDenied", "Message": "no <"}],
    }
    assert set(read("DeleteObjects", xml_out.delete_result(results, quiet=True))) == {"Errors"}


@pytest.mark.parametrize(
    ("region", "tail"), [("us-east-1", b"></LocationConstraint>"), ("eu-west-1", b">eu-west-1</LocationConstraint>")]
)
def test_locations(region: str, tail: bytes) -> None:
    assert xml_out.location_constraint(region).endswith(tail)


def test_versioning_states() -> None:
    assert read("GetBucketVersioning", xml_out.versioning(Versioning.UNVERSIONED)) == {}
    assert read("GetBucketVersioning", xml_out.versioning(Versioning.ENABLED)) == {"Status": "Enabled"}
    assert read("GetBucketVersioning", xml_out.versioning(Versioning.SUSPENDED)) == {"Status": "Suspended"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_key_can_be_listed(key: str) -> None:
    page = ObjectPage((entry(key),), (), None)
    plain = read("ListObjectsV2", xml_out.list_objects_v2(Asked("bucket"), page))
    assert len(plain["Contents"]) == 1
    encoded = read("ListObjectsV2", xml_out.list_objects_v2(Asked("bucket", url_encoded=True), page))
    assert percent_decode(encoded["Contents"][0]["Key"]) == key


def test_owners_have_the_canonical_ids_of_their_site() -> None:
    body = xml_out.list_buckets([], owner="ada", site=7)
    assert read("ListBuckets", body)["Owner"] == {"ID": canonical_id(7, "ada"), "DisplayName": "ada"}
    assert canonical_id(7, "ada") != canonical_id(8, "ada")
