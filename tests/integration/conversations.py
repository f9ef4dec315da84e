"""What two servers are asked in the same words: listings, tagging, CORS, versions, uploads and mistakes.

Every chapter makes its own buckets. A label names one question; it is the key of the table of known differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.integration.recording import Parsed, Recorder

MIB = 1 << 20
KEYS = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "b",
    "photos/1/x.jpg",
    "photos/1/y.jpg",
    "photos/2/z.jpg",
    "plus+and space",
    "é",
    "z",
]
ID = "0123456789abcdef"
MISSING_UPLOAD = "x" * 32


def _bucket(r: Recorder, name: str) -> str:
    r.chapter = name
    r("make the bucket", "create_bucket", Bucket=name)
    return name


def _pages(r: Recorder, label: str, method: str, names: Mapping[str, str], **asked: Any) -> None:
    """All pages of a listing: ``names`` are {member of the answer: parameter of the next request}."""
    follow: dict[str, Any] = {}
    for number in range(1, 20):
        page = r(f"{label}, page {number}", method, **asked, **follow)
        if "Error" in page or not page.get("IsTruncated"):
            return
        follow = {parameter: page[member] for member, parameter in names.items() if member in page}


def listings(r: Recorder) -> None:
    """Both versions of ListObjects over prefixes, delimiters, pages and encodings."""
    bucket = _bucket(r, "differ-listings")
    r("empty", "list_objects_v2", Bucket=bucket)
    for key in KEYS:
        r(f"put {key}", "put_object", Bucket=bucket, Key=key, Body=key.encode())
    v1, v2 = {"NextMarker": "Marker"}, {"NextContinuationToken": "ContinuationToken"}
    versions = {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"}
    for prefix, delimiter in (("", ""), ("", "/"), ("a/", "/"), ("photos/", "/"), ("photos/", "/1"), ("none", "/")):
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        if delimiter:
            asked["Delimiter"] = delimiter
        name = f"prefix {prefix!r} delimiter {delimiter!r}"
        r(f"v1 {name}", "list_objects", **asked)
        r(f"v2 {name}", "list_objects_v2", **asked)
        r(f"versions {name}", "list_object_versions", **asked)
        if delimiter:
            _pages(r, f"v1 {name} by 2", "list_objects", v1, MaxKeys=2, **asked)
        _pages(r, f"v2 {name} by 2", "list_objects_v2", v2, MaxKeys=2, **asked)
        _pages(r, f"versions {name} by 2", "list_object_versions", versions, MaxKeys=2, **asked)
    r("v1 marker", "list_objects", Bucket=bucket, Marker="a/b")
    r("v1 marker between keys", "list_objects", Bucket=bucket, Marker="c")
    r("v2 start after", "list_objects_v2", Bucket=bucket, StartAfter="photos/1/x.jpg")
    r("v2 start after a prefix", "list_objects_v2", Bucket=bucket, StartAfter="photos/1/x.jpg", Delimiter="/")
    r("v2 nothing wanted", "list_objects_v2", Bucket=bucket, MaxKeys=0)
    r("v2 encoded", "list_objects_v2", Bucket=bucket, EncodingType="url", Prefix="plus+")
    r("v1 encoded", "list_objects", Bucket=bucket, EncodingType="url", Delimiter=" ")
    r("v2 wrong token", "list_objects_v2", Bucket=bucket, ContinuationToken="nonsense")
    r("v2 wrong encoding", "list_objects_v2", Bucket=bucket, EncodingType="base64")
    r("versions, version without key", "list_object_versions", Bucket=bucket, VersionIdMarker=ID)
    r("buckets by prefix", "list_buckets", Prefix="differ-listings")
    r("no such bucket", "list_objects_v2", Bucket="differ-nowhere")
    r("no such bucket, v1", "list_objects", Bucket="differ-nowhere")


def tagging(r: Recorder) -> None:
    """Tags of buckets and objects, on PUT and on copies."""
    bucket = _bucket(r, "differ-tagging")
    tags = {"TagSet": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}, {"Key": "é ü", "Value": "+ - ="}]}
    r("bucket without", "get_bucket_tagging", Bucket=bucket)
    r("bucket set", "put_bucket_tagging", Bucket=bucket, Tagging=tags)
    r("bucket get", "get_bucket_tagging", Bucket=bucket)
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    r("bucket key twice", "put_bucket_tagging", Bucket=bucket, Tagging=twice)
    reserved = {"TagSet": [{"Key": "aws:x", "Value": "1"}]}
    r("bucket reserved", "put_bucket_tagging", Bucket=bucket, Tagging=reserved)
    r("bucket delete", "delete_bucket_tagging", Bucket=bucket)
    r("bucket deleted", "get_bucket_tagging", Bucket=bucket)
    r("bucket delete again", "delete_bucket_tagging", Bucket=bucket)
    r("put with tags", "put_object", Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=with%20space&c=")
    r("get", "get_object_tagging", Bucket=bucket, Key="k")
    r("count", "head_object", Bucket=bucket, Key="k")
    r("set", "put_object_tagging", Bucket=bucket, Key="k", Tagging=tags)
    r("get again", "get_object_tagging", Bucket=bucket, Key="k")
    r("key twice", "put_object_tagging", Bucket=bucket, Key="k", Tagging=twice)
    r("reserved", "put_object_tagging", Bucket=bucket, Key="k", Tagging=reserved)
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    r("eleven", "put_object_tagging", Bucket=bucket, Key="k", Tagging=many)
    long = {"TagSet": [{"Key": "k" * 129, "Value": ""}]}
    r("long key", "put_object_tagging", Bucket=bucket, Key="k", Tagging=long)
    source = {"Bucket": bucket, "Key": "k"}
    r("copy", "copy_object", Bucket=bucket, Key="copy", CopySource=source)
    r("copied", "get_object_tagging", Bucket=bucket, Key="copy")
    new = {"Tagging": "n=1", "TaggingDirective": "REPLACE"}
    r("copy with others", "copy_object", Bucket=bucket, Key="other", CopySource=source, **new)
    r("others", "get_object_tagging", Bucket=bucket, Key="other")
    r("delete", "delete_object_tagging", Bucket=bucket, Key="k")
    r("deleted", "get_object_tagging", Bucket=bucket, Key="k")
    r("of nothing", "get_object_tagging", Bucket=bucket, Key="nothing")
    r("set on nothing", "put_object_tagging", Bucket=bucket, Key="nothing", Tagging=tags)
    r("no such bucket", "get_bucket_tagging", Bucket="differ-nowhere")


def cors(r: Recorder) -> None:
    """The rules themselves; what they do to requests is another test's."""
    bucket = _bucket(r, "differ-cors")
    rules = {
        "CORSRules": [
            {
                "ID": "first",
                "AllowedOrigins": ["https://*.example.com", "http://localhost:8080"],
                "AllowedMethods": ["GET", "PUT"],
                "AllowedHeaders": ["*"],
                "ExposeHeaders": ["ETag", "x-amz-version-id"],
                "MaxAgeSeconds": 600,
            },
            {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
        ]
    }
    r("without", "get_bucket_cors", Bucket=bucket)
    r("set", "put_bucket_cors", Bucket=bucket, CORSConfiguration=rules)
    r("get", "get_bucket_cors", Bucket=bucket)
    wrong = {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]}
    r("wrong method", "put_bucket_cors", Bucket=bucket, CORSConfiguration=wrong)
    r("no rules", "put_bucket_cors", Bucket=bucket, CORSConfiguration={"CORSRules": []})
    r("still", "get_bucket_cors", Bucket=bucket)
    r("delete", "delete_bucket_cors", Bucket=bucket)
    r("deleted", "get_bucket_cors", Bucket=bucket)
    r("delete again", "delete_bucket_cors", Bucket=bucket)
    r("no such bucket", "get_bucket_cors", Bucket="differ-nowhere")


def versions(r: Recorder) -> None:
    """Enabled, suspended, null versions, delete markers, and reads of each."""
    bucket = _bucket(r, "differ-versions")
    enabled, suspended = {"Status": "Enabled"}, {"Status": "Suspended"}
    r("unversioned", "get_bucket_versioning", Bucket=bucket)
    r("put null", "put_object", Bucket=bucket, Key="k", Body=b"null")
    r("enable", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=enabled)
    r("enabled", "get_bucket_versioning", Bucket=bucket)
    first = r("put first", "put_object", Bucket=bucket, Key="k", Body=b"first")
    r("put second", "put_object", Bucket=bucket, Key="k", Body=b"second")
    r("list", "list_object_versions", Bucket=bucket)
    one = first.get("VersionId", "null")
    r("get first", "get_object", Bucket=bucket, Key="k", VersionId=one)
    r("get null", "get_object", Bucket=bucket, Key="k", VersionId="null")
    r("head current", "head_object", Bucket=bucket, Key="k")
    marker = r("delete", "delete_object", Bucket=bucket, Key="k")
    r("get deleted", "get_object", Bucket=bucket, Key="k")
    r("head deleted", "head_object", Bucket=bucket, Key="k")
    r("list with marker", "list_object_versions", Bucket=bucket)
    r("list objects", "list_objects_v2", Bucket=bucket)
    gone = marker.get("VersionId", "null")
    r("get marker", "get_object", Bucket=bucket, Key="k", VersionId=gone)
    r("head marker", "head_object", Bucket=bucket, Key="k", VersionId=gone)
    r("delete marker", "delete_object", Bucket=bucket, Key="k", VersionId=gone)
    r("get restored", "get_object", Bucket=bucket, Key="k")
    r("delete first", "delete_object", Bucket=bucket, Key="k", VersionId=one)
    r("get removed version", "get_object", Bucket=bucket, Key="k", VersionId=one)
    r("delete removed version", "delete_object", Bucket=bucket, Key="k", VersionId=one)
    r("delete missing key", "delete_object", Bucket=bucket, Key="never")
    objects = {"Objects": [{"Key": "k"}, {"Key": "never-too"}, {"Key": "k", "VersionId": "null"}]}
    r("delete several", "delete_objects", Bucket=bucket, Delete=objects)
    r("list after several", "list_object_versions", Bucket=bucket)
    r("suspend", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=suspended)
    r("suspended", "get_bucket_versioning", Bucket=bucket)
    r("put while suspended", "put_object", Bucket=bucket, Key="s", Body=b"one")
    r("put again while suspended", "put_object", Bucket=bucket, Key="s", Body=b"two")
    r("list suspended", "list_object_versions", Bucket=bucket, Prefix="s")
    r("delete while suspended", "delete_object", Bucket=bucket, Key="s")
    r("list null marker", "list_object_versions", Bucket=bucket, Prefix="s")
    r("wrong state", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Off"})
    r("bucket not empty", "delete_bucket", Bucket=bucket)


def uploads(r: Recorder) -> None:
    """Multipart uploads from the start to the end, and the mistakes on the way."""
    bucket = _bucket(r, "differ-uploads")
    metadata = {"ContentType": "text/x-parts", "Metadata": {"a": "b"}}
    place = {"Bucket": bucket, "Key": "big"}
    upload = r("begin", "create_multipart_upload", **place, **metadata)["UploadId"]
    r("begin another", "create_multipart_upload", Bucket=bucket, Key="dir/other")
    asked = {**place, "UploadId": upload}
    tags: list[Parsed] = []
    for number, data in ((1, b"a" * 5 * MIB), (3, b"b" * 5 * MIB), (7, b"tail")):
        part = r(f"part {number}", "upload_part", **asked, PartNumber=number, Body=data)
        tags.append({"PartNumber": number, "ETag": part["ETag"]})
    r("list", "list_multipart_uploads", Bucket=bucket)
    r("list by prefix", "list_multipart_uploads", Bucket=bucket, Prefix="dir/")
    r("list by delimiter", "list_multipart_uploads", Bucket=bucket, Delimiter="/")
    r("parts", "list_parts", **asked)
    r("parts, first page", "list_parts", **asked, MaxParts=1)
    r("parts, next page", "list_parts", **asked, MaxParts=2, PartNumberMarker=1)
    r("part 0", "upload_part", **asked, PartNumber=0, Body=b"")
    r("part 10001", "upload_part", **asked, PartNumber=10_001, Body=b"")
    stray = {**place, "UploadId": MISSING_UPLOAD}
    r("part of no upload", "upload_part", **stray, PartNumber=1, Body=b"x")
    r("parts of no upload", "list_parts", **stray)
    r("complete no upload", "complete_multipart_upload", **stray, MultipartUpload={"Parts": tags})
    r("complete backwards", "complete_multipart_upload", **asked, MultipartUpload={"Parts": tags[::-1]})
    wrong = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    r("complete with a wrong tag", "complete_multipart_upload", **asked, MultipartUpload={"Parts": wrong})
    r("complete with a missing part", "complete_multipart_upload", **asked, MultipartUpload={"Parts": _at(tags, 2)})
    r("complete with nothing", "complete_multipart_upload", **asked, MultipartUpload={"Parts": []})
    small = [tags[2], {"PartNumber": 8, "ETag": r("part 8", "upload_part", **asked, PartNumber=8, Body=b"e")["ETag"]}]
    r("complete with a small part", "complete_multipart_upload", **asked, MultipartUpload={"Parts": small})
    r("complete", "complete_multipart_upload", **asked, MultipartUpload={"Parts": tags})
    r("head", "head_object", **place)
    r("parts afterwards", "list_parts", **asked)
    r("list afterwards", "list_multipart_uploads", Bucket=bucket)
    _copied_parts(r, bucket)


def _at(tags: list[Parsed], number: int) -> list[Parsed]:
    return [tags[0], {"PartNumber": number, "ETag": tags[1]["ETag"]}]


def _copied_parts(r: Recorder, bucket: str) -> None:
    place, source = {"Bucket": bucket, "Key": "copied"}, {"Bucket": bucket, "Key": "big"}
    asked = {**place, "UploadId": r("begin a copy", "create_multipart_upload", **place)["UploadId"]}
    whole = r("copy a part", "upload_part_copy", **asked, PartNumber=1, CopySource=source)
    bounds = f"bytes=0-{5 * MIB - 1}"
    part = r("copy a range", "upload_part_copy", **asked, PartNumber=2, CopySource=source, CopySourceRange=bounds)
    beyond = {"CopySourceRange": f"bytes=0-{50 * MIB}"}
    r("copy beyond the end", "upload_part_copy", **asked, PartNumber=3, CopySource=source, **beyond)
    results = [one.get("CopyPartResult", {}).get("ETag", "") for one in (whole, part)]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(results, start=1)]
    r("complete the copy", "complete_multipart_upload", **asked, MultipartUpload={"Parts": parts})
    stopped = {**place, "UploadId": r("begin in vain", "create_multipart_upload", **place)["UploadId"]}
    r("abort", "abort_multipart_upload", **stopped)
    r("abort again", "abort_multipart_upload", **stopped)
    r("part after abort", "upload_part", **stopped, PartNumber=1, Body=b"x")


def mistakes(r: Recorder) -> None:
    """Reads, writes and copies that fail, and the conditions that make them."""
    bucket = _bucket(r, "differ-mistakes")
    put = r("put", "put_object", Bucket=bucket, Key="k", Body=b"0123456789", ContentType="text/plain")
    etag, place = put["ETag"], {"Bucket": bucket, "Key": "k"}
    r("get", "get_object", **place)
    r("range", "get_object", **place, Range="bytes=2-4")
    r("suffix", "get_object", **place, Range="bytes=-3")
    r("open range", "get_object", **place, Range="bytes=7-")
    r("beyond", "get_object", **place, Range="bytes=10-")
    r("unreadable range", "get_object", **place, Range="lines=1-2")
    r("if match", "get_object", **place, IfMatch=etag)
    r("if match fails", "get_object", **place, IfMatch='"other"')
    r("if none match", "get_object", **place, IfNoneMatch=etag)
    r("if none match differs", "get_object", **place, IfNoneMatch='"other"')
    r("head if none match", "head_object", **place, IfNoneMatch=etag)
    r("put over", "put_object", **place, Body=b"x", IfNoneMatch="*")
    r("put if other", "put_object", **place, Body=b"x", IfMatch='"other"')
    r("put if match on nothing", "put_object", Bucket=bucket, Key="none", Body=b"x", IfMatch=etag)
    r("get nothing", "get_object", Bucket=bucket, Key="none")
    r("head nothing", "head_object", Bucket=bucket, Key="none")
    r("delete nothing", "delete_object", Bucket=bucket, Key="none")
    r("get a version that cannot be", "get_object", **place, VersionId="not-a-version!")
    r("copy nothing", "copy_object", Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "none"})
    r("copy onto itself", "copy_object", **place, CopySource=place)
    copy = {"CopySource": place, "Bucket": bucket, "Key": "copy"}
    r("copy", "copy_object", **copy)
    r("copy if", "copy_object", **copy, CopySourceIfMatch='"other"')
    renamed = {"MetadataDirective": "REPLACE", "Metadata": {"new": "yes"}, "ContentType": "text/new"}
    r("copy with other metadata", "copy_object", **copy, **renamed)
    r("head the copy", "head_object", Bucket=bucket, Key="copy")
    r("wrong digest", "put_object", **place, Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    r("unreadable digest", "put_object", **place, Body=b"x", ContentMD5="nonsense")
    r("storage class", "put_object", Bucket=bucket, Key="s", Body=b"x", StorageClass="STANDARD_IA")
    r("wrong storage class", "put_object", Bucket=bucket, Key="s", Body=b"x", StorageClass="WARM")
    r("much metadata", "put_object", Bucket=bucket, Key="m", Body=b"x", Metadata={"a": "x" * 2048})
    r("long key", "put_object", Bucket=bucket, Key="k" * 1025, Body=b"x")
    r("delete several quietly", "delete_objects", Bucket=bucket, Delete={"Objects": [{"Key": "s"}], "Quiet": True})
    r("bucket again", "create_bucket", Bucket=bucket)
    r("bucket with a wrong name", "create_bucket", Bucket="Differ_Wrong")
    r("head a bucket", "head_bucket", Bucket=bucket)
    r("head no bucket", "head_bucket", Bucket="differ-nowhere")
    r("delete no bucket", "delete_bucket", Bucket="differ-nowhere")
    r("put into no bucket", "put_object", Bucket="differ-nowhere", Key="k", Body=b"x")
    r("location", "get_bucket_location", Bucket=bucket)


CHAPTERS: tuple[Callable[[Recorder], None], ...] = (listings, tagging, cors, versions, uploads, mistakes)
