"""A stop and a start change nothing that a client can see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.conftest import client_of
from tests.integration.endpoint import SECRET, Endpoint, running_server

MIB = 1 << 20


def everything(s3: Any) -> dict[str, Any]:
    """All that a client can learn of all buckets."""
    seen: dict[str, Any] = {}
    for bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        page = s3.list_object_versions(Bucket=bucket)
        versions = []
        for one in page.get("Versions", []):
            got = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            described = (got["ETag"], got["LastModified"], got["Metadata"], got["ContentType"], got["Body"].read())
            versions.append((one["Key"], one["VersionId"], one["IsLatest"], described))
        markers = [(one["Key"], one["VersionId"], one["IsLatest"]) for one in page.get("DeleteMarkers", [])]
        uploads = [(one["Key"], one["UploadId"]) for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
        parts = [
            (part["PartNumber"], part["ETag"], part["Size"])
            for key, upload in uploads
            for part in s3.list_parts(Bucket=bucket, Key=key, UploadId=upload).get("Parts", [])
        ]
        seen[bucket] = (versions, markers, uploads, parts, s3.get_bucket_versioning(Bucket=bucket).get("Status"))
    return seen


def fill(s3: Any) -> dict[str, str]:
    """A bit of everything; the upload that stays open."""
    s3.create_bucket(Bucket="plain")
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for number in range(20):
        s3.put_object(Bucket="plain", Key=f"k/{number} ü", Body=b"x" * number, Metadata={"n": f"{number}"})
    s3.put_object(Bucket="plain", Key="big", Body=bytes(range(256)) * (9 * MIB // 256), ContentType="a/b")
    s3.delete_object(Bucket="plain", Key="k/7 ü")
    s3.copy_object(Bucket="versioned", Key="copy", CopySource={"Bucket": "plain", "Key": "big"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket="versioned", Key="k", Body=body)
    s3.delete_object(Bucket="versioned", Key="k")
    begun = s3.create_multipart_upload(Bucket="plain", Key="multi")
    upload = {"Bucket": "plain", "Key": "multi", "UploadId": begun["UploadId"]}
    s3.upload_part(**upload, PartNumber=1, Body=b"p" * (5 * MIB))
    s3.upload_part(**upload, PartNumber=2, Body=b"q")
    return upload


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    def on(endpoint: Endpoint) -> Any:
        return client_of(endpoint)

    with running_server(tmp_path / "data") as endpoint:
        s3 = on(endpoint)
        upload = fill(s3)
        before = everything(s3)
        s3.close()
    for _ in range(2):
        with running_server(tmp_path / "data") as endpoint:
            s3 = on(endpoint)
            assert everything(s3) == before
            s3.close()
    with running_server(tmp_path / "data") as endpoint:
        s3 = on(endpoint)
        parts = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in s3.list_parts(**upload)["Parts"]]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert s3.get_object(Bucket="plain", Key="multi")["Body"].read() == b"p" * (5 * MIB) + b"q"
        s3.close()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert SECRET.encode() not in stored, "a secret that was given is kept nowhere"


def test_an_ephemeral_server_needs_no_directory(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--ephemeral") as endpoint:
        s3 = client_of(endpoint)
        fill(s3)
        assert len(everything(s3)) == 2
        s3.close()
    assert not (tmp_path / "data").exists()
