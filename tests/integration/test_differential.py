"""The same conversation with this server and with moto: every difference is one that AWS documents our way.

moto is another reading of the same pages, and not always the right one. What it reads otherwise stands in MOTO_DIFFERS
with the page that says so; a difference that is not there fails, and so does a row that explains nothing any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config

from tests.integration.conftest import client_of
from tests.integration.conversations import CHAPTERS
from tests.integration.endpoint import BIN, Endpoint
from tests.integration.moto_server import running_moto
from tests.integration.recording import Parsed, Recorder, normalised

MOTO_READ = "5.2.5"
"""The release that the table below was written about; with another one, rows may explain nothing."""

GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
REFUSED = {"status", "code"}
CONFIG: dict[str, Any] = {
    "parameter_validation": False,
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


class Known(NamedTuple):
    """Steps (a pattern of their labels) and members of the answer that moto gives otherwise, and AWS as we do.

    ``members`` None are all of them; ``page`` is one of the API Reference or a URL of the User Guide.
    """

    steps: str
    members: set[str] | None
    why: str
    page: str


MOTO_DIFFERS = (
    Known("differ-listings: v1 .*", {"Marker", "Prefix"}, "empty markers and prefixes are left out", "API_ListObjects"),
    Known("differ-[a-z]+: (versions|list).*", {"EncodingType"}, "it is not repeated", "API_ListObjectVersions"),
    Known("differ-listings: v2 .*", {"ContinuationToken"}, "it is not repeated", "API_ListObjectsV2"),
    Known(
        "differ-listings: v1 prefix '(|a/)' delimiter '/' by 2, page .",
        None,
        "MaxKeys does not count common prefixes, and NextMarker is an ETag",
        "API_ListObjects",
    ),
    Known("differ-listings: v1 prefix .* by 2, page .", {"NextMarker"}, "it is an ETag", "API_ListObjects"),
    Known(
        "differ-listings: versions prefix '(a/|photos/)' delimiter '/' by 2, page .",
        None,
        "common prefixes are not counted one by one",
        "API_ListObjectVersions",
    ),
    Known(
        "differ-listings: v2 start after a prefix",
        {"CommonPrefixes", "KeyCount"},
        "a prefix is left out although keys behind StartAfter have it",
        "API_ListObjectsV2",
    ),
    Known("differ-listings: v1 encoded", {"CommonPrefixes", "Delimiter"}, "only keys are encoded", "API_ListObjects"),
    Known("differ-listings: v2 wrong token", REFUSED, "it is an internal error", "API_ListObjectsV2"),
    Known("differ-listings: v2 wrong encoding", None, "any encoding is taken", "API_ListObjectsV2"),
    Known("differ-listings: versions, version without key", None, "it is ignored", "API_ListObjectVersions"),
    Known("differ-listings: buckets by prefix", {"Prefix"}, "it is not repeated", "API_ListBuckets"),
    Known("differ-tagging: bucket get", {"TagSet"}, "an empty value is left out", "API_GetBucketTagging"),
    Known("differ-tagging: key twice", REFUSED, "it is taken", "API_PutObjectTagging"),
    Known(
        "differ-tagging: (get again|copied)", {"TagSet"}, "the last of two equal keys was kept", "API_PutObjectTagging"
    ),
    Known("differ-cors: still", None, "a refused set of rules removed the one before", "API_PutBucketCors"),
    Known("differ-versions: get null", {"VersionId"}, "the null version is not named", "API_GetObject"),
    Known("differ-versions: get marker", REFUSED, "a delete marker is no missing version", "API_GetObject"),
    Known("differ-versions: delete marker", {"DeleteMarker"}, "what was removed is not said", "API_DeleteObject"),
    Known("differ-versions: delete missing key", None, "it makes no delete marker", GUIDE + "DeleteMarker"),
    Known("differ-versions: delete several", {"Deleted"}, "a missing key gets no marker", GUIDE + "DeleteMarker"),
    Known("differ-versions: list after several", {"DeleteMarkers"}, "the same markers", GUIDE + "DeleteMarker"),
    Known(
        "differ-versions: (put|put again|delete) while suspended",
        {"VersionId", "DeleteMarker"},
        "the null version is not named",
        GUIDE + "AddingObjectstoVersionSuspendedBuckets",
    ),
    Known(
        "differ-versions: list null marker",
        {"DeleteMarkers"},
        "a delete leaves no null delete marker",
        GUIDE + "DeletingObjectsfromVersioningSuspendedBuckets",
    ),
    Known("differ-versions: wrong state", REFUSED, "any word is taken", "API_PutBucketVersioning"),
    Known(
        "differ-uploads: list( afterwards| by prefix)?", {"Prefix"}, "it is not repeated", "API_ListMultipartUploads"
    ),
    Known("differ-uploads: list by delimiter", None, "delimiters are not known", "API_ListMultipartUploads"),
    Known("differ-uploads: part 0", REFUSED, "another error than for 10001", "API_UploadPart"),
    Known(
        "differ-uploads: (part of|complete) no upload|differ-uploads: part after abort",
        REFUSED,
        "it is an internal error",
        "API_UploadPart",
    ),
    Known("differ-uploads: complete backwards", REFUSED, "sizes come before order", "API_CompleteMultipartUpload"),
    Known(
        "differ-uploads: complete( the copy)?",
        {"Location", "VersionId"},
        "a URL of another addressing style, and a version without versioning",
        "API_CompleteMultipartUpload",
    ),
    Known("differ-uploads: copy beyond the end", None, "the range is cut", "API_UploadPartCopy"),
    Known("differ-mistakes: unreadable range", None, "any unit is bytes", "API_GetObject"),
    Known("differ-mistakes: get a version that cannot be", REFUSED, "it may be missing", "API_GetObject"),
    Known("differ-mistakes: copy if", None, "conditions on the source are not looked at", "API_CopyObject"),
    Known("differ-mistakes: (wrong|unreadable) digest", None, "Content-MD5 is not looked at", "API_PutObject"),
    Known("differ-mistakes: much metadata", None, "there is no limit", GUIDE + "UsingMetadata"),
    Known("differ-mistakes: long key", None, "there is no limit", GUIDE + "object-keys"),
    Known("differ-mistakes: delete several quietly", {"Deleted"}, "it is not quiet", "API_DeleteObjects"),
    Known("differ-mistakes: bucket with a wrong name", None, "any name is taken", GUIDE + "bucketnamingrules"),
)


def talk(client: Any) -> dict[str, Parsed]:
    """All chapters with one server, normalised."""
    recorder = Recorder(client)
    for chapter in CHAPTERS:
        chapter(recorder)
    return normalised(recorder.steps)


@pytest.fixture(scope="module")
def ours(endpoint: Endpoint) -> Iterator[dict[str, Parsed]]:
    client = client_of(endpoint, **CONFIG)
    yield talk(client)
    client.close()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Parsed]]:
    if not (BIN / "moto_server").exists():
        pytest.skip("moto is not installed; it comes with the test extra")
    with running_moto(tmp_path_factory.mktemp("moto")) as url:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="moto",
            aws_secret_access_key="moto",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **CONFIG),
        )
        yield talk(client)
        client.close()


def differing(mine: Parsed | None, other: Parsed | None) -> set[str]:
    """The members in which two outcomes of one step differ; all of them where only one server came to it."""
    mine, other = mine or {}, other or {}
    return {name for name in {*mine, *other} if mine.get(name) != other.get(name)}


def explains(known: Known, label: str) -> bool:
    return re.fullmatch(known.steps, label) is not None


def test_every_difference_from_moto_is_known_and_documented(ours: dict[str, Parsed], theirs: dict[str, Parsed]) -> None:
    unknown, used = [], set()
    for label in {**ours, **theirs}:
        left = differing(ours.get(label), theirs.get(label))
        for known in [known for known in MOTO_DIFFERS if explains(known, label)]:
            covered = left if known.members is None else left & known.members
            if covered:
                used.add(known.steps)
                left = left - covered
        if left:
            unknown.append(f"{label}: {sorted(left)}\n  ours {ours.get(label)}\n  moto {theirs.get(label)}")
    assert not unknown, "\n".join(unknown)
    if version("moto") == MOTO_READ:
        assert [known.steps for known in MOTO_DIFFERS if known.steps not in used] == [], (
            "nothing differs there any more"
        )


def test_the_conversation_is_broad_and_most_of_it_is_equal(ours: dict[str, Parsed], theirs: dict[str, Parsed]) -> None:
    assert len(ours) >= 200
    equal = [label for label in ours if not differing(ours[label], theirs.get(label))]
    assert len(equal) >= len(ours) // 2


AWS_SAYS = {
    "differ-listings: v2 wrong token": (400, "InvalidArgument"),
    "differ-listings: v2 wrong encoding": (400, "InvalidArgument"),
    "differ-listings: versions, version without key": (400, "InvalidArgument"),
    "differ-tagging: key twice": (400, "InvalidTag"),
    "differ-versions: get marker": (405, "MethodNotAllowed"),
    "differ-versions: wrong state": (400, "MalformedXML"),
    "differ-uploads: part 0": (400, "InvalidArgument"),
    "differ-uploads: part of no upload": (404, "NoSuchUpload"),
    "differ-uploads: complete no upload": (404, "NoSuchUpload"),
    "differ-uploads: part after abort": (404, "NoSuchUpload"),
    "differ-uploads: complete backwards": (400, "InvalidPartOrder"),
    "differ-uploads: copy beyond the end": (400, "InvalidArgument"),
    "differ-mistakes: get a version that cannot be": (400, "InvalidArgument"),
    "differ-mistakes: copy if": (412, "PreconditionFailed"),
    "differ-mistakes: wrong digest": (400, "BadDigest"),
    "differ-mistakes: unreadable digest": (400, "InvalidDigest"),
    "differ-mistakes: much metadata": (400, "MetadataTooLarge"),
    "differ-mistakes: long key": (400, "KeyTooLongError"),
    "differ-mistakes: bucket with a wrong name": (400, "InvalidBucketName"),
}
"""Where moto differs by an error, the one that AWS documents."""


@pytest.mark.parametrize("label", AWS_SAYS)
def test_where_moto_errs_the_answer_is_that_of_aws(ours: dict[str, Parsed], label: str) -> None:
    status, code = AWS_SAYS[label]
    assert ours[label] == {"status": status, "code": code}


def test_every_known_difference_names_its_page() -> None:
    for known in MOTO_DIFFERS:
        assert known.why
        assert re.fullmatch(r"API_\w+|https://docs\.aws\.amazon\.com/AmazonS3/latest/userguide/[\w-]+", known.page)
