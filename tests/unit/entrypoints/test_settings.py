"""Settings: which source wins, what is refused, and that secrets stay secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from seglake.domain.model.bucket import Versioning
from seglake.entrypoints.container import front_config_of
from seglake.entrypoints.settings import PREFIX, Settings, SettingsInvalid, flag_name, load_settings
from seglake.entrypoints.units import ListenAddress

CANARY = "canary-s3cr3t-$HOME-${x}#1"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def _problems(**flags: object) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(**flags)
    assert CANARY not in str(caught.value)
    return "\n".join(caught.value.problems)


def _secrets(path: Path, text: str) -> Path:
    file = path / "secrets.env"
    file.write_text(text)
    return file


def test_defaults_are_those_documented() -> None:
    settings = load_settings()
    assert settings.listen == ListenAddress("", 9000)
    assert settings.data_dir == Path("./data")
    assert settings.max_object_size == 5 * 1024**3
    assert settings.max_in_flight == 256 * 1024**2
    assert settings.segment_size == 1024**3
    assert settings.segment_idle == 600.0
    assert settings.reserve == 64 * 1024**2
    assert (settings.max_batch_ops, settings.max_batch_bytes) == (256, 16 * 1024**2)
    assert settings.default_versioning is Versioning.UNVERSIONED
    assert (settings.default_encryption, settings.allow_insecure_sse_c) == ("none", False)
    assert settings.all_regions == {"us-east-1"}
    assert settings.virtual_hosted
    assert not settings.access_log
    assert (settings.read_timeout, settings.write_timeout, settings.body_min_rate) == (30.0, 30.0, 1024)
    assert (settings.max_connections, settings.requests_per_key, settings.mpu_complete_limit) == (10_000, 32, 32)
    assert (settings.replay_ttl, settings.replay_block, settings.auth_failures_per_minute) == (0.0, False, 300)
    assert settings.allow_unsigned_payload
    assert not settings.require_content_md5
    assert not settings.tls
    assert (settings.trusted_proxies, settings.public_buckets) == ((), ())
    assert settings.access_key is None
    assert (settings.metadata_adapter, settings.segment_adapter) == ("sqlite", "filesystem")


def test_flags_win_over_environment_over_secrets_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = _secrets(tmp_path, "SEGLAKE_REGION=file-1\nSEGLAKE_ADDR=:1\nSEGLAKE_MAX_OBJECT_SIZE=1MiB\n")
    monkeypatch.setenv("SEGLAKE_ADDR", ":2")
    monkeypatch.setenv("SEGLAKE_MAX_OBJECT_SIZE", "2MiB")
    settings = load_settings(secrets_file=file, max_object_size="3MiB", data_dir=None)
    assert settings.max_object_size == 3 * 1024**2
    assert settings.addr == ":2"
    assert settings.region == "file-1"
    assert settings.data_dir == Path("./data")


def test_the_secrets_file_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGLAKE_SECRETS_FILE", str(_secrets(tmp_path, "SEGLAKE_REGION=file-2\n")))
    assert load_settings().region == "file-2"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLAKE_ACCESS_KEY", "")
    monkeypatch.setenv("SEGLAKE_SECRET_KEY", "")
    assert load_settings().access_key is None


def test_foreign_variables_of_the_same_prefix_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    # An orchestrator sets SEGLAKE_PORT=tcp://... for a service called seglake.
    monkeypatch.setenv("SEGLAKE_PORT", "tcp://10.0.0.1:9000")
    assert load_settings().listen.port == 9000


def test_sizes_durations_lists_and_words_are_read_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLAKE_SEGMENT_SIZE", "64MiB")
    monkeypatch.setenv("SEGLAKE_SEGMENT_IDLE", "1m30s")
    monkeypatch.setenv("SEGLAKE_DOMAINS", "s3.example.com, localhost")
    monkeypatch.setenv("SEGLAKE_DEFAULT_VERSIONING", "enabled")
    monkeypatch.setenv("SEGLAKE_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("SEGLAKE_VIRTUAL_HOSTED", "false")
    settings = load_settings(regions="eu-west-1,eu-west-2")
    assert settings.segment_size == 64 * 1024**2
    assert settings.segment_idle == 90.0
    assert settings.domains == ("s3.example.com", "localhost")
    assert settings.default_versioning is Versioning.ENABLED
    assert settings.log_level == "debug"
    assert not settings.virtual_hosted
    assert settings.all_regions == {"us-east-1", "eu-west-1", "eu-west-2"}


def test_secrets_never_appear_in_a_representation() -> None:
    settings = load_settings(access_key="test", secret_key=CANARY)
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)
    assert CANARY not in str(settings.model_dump())
    assert CANARY not in settings.model_dump_json()
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == CANARY


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().region = "eu-west-1"


@pytest.mark.parametrize("given", [{"access_key": "test"}, {"secret_key": CANARY}])
def test_half_a_key_pair_is_refused(given: dict[str, str]) -> None:
    assert "come together" in _problems(**given)


@pytest.mark.parametrize("secret", ["short", "with space in it", "tab\tbed-secret", "ünïcödé-secret", "x" * 129])
def test_a_secret_that_clients_cannot_use_is_refused_and_not_quoted(secret: str) -> None:
    message = _problems(access_key="test", secret_key=secret)
    assert "--secret-key" in message
    assert secret not in message


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"addr": "nonsense"}, "--addr"),
        ({"max_object_size": "5 GiBs"}, "--max-object-size (SEGLAKE_MAX_OBJECT_SIZE): not a size"),
        ({"max_object_size": "-1"}, "--max-object-size"),
        ({"idle_timeout": "soon"}, "--idle-timeout (SEGLAKE_IDLE_TIMEOUT): not a duration"),
        ({"idle_timeout": float("nan")}, "--idle-timeout"),
        ({"max_in_flight": "1MiB"}, "--max-in-flight"),
        ({"log_format": "xml"}, "--log-format"),
        ({"default_versioning": "maybe"}, "--default-versioning"),
        ({"region": "EU West"}, "--region"),
        ({"domains": "s3.example.com:9000"}, "--domains"),
        ({"access_key": "a/b,c", "secret_key": CANARY}, "--access-key"),
        ({"metadata_store": "no:such:thing"}, "--metadata-store"),
        ({"tls": True}, "--tls-cert is missing"),
        ({"tls": True, "tls_cert": "c.pem"}, "--tls-key is missing"),
        ({"tls_cert": "c.pem", "tls_key": "k.pem"}, "--tls-cert is given without --tls"),
        ({"replay_block": True}, "--replay-block needs --replay-ttl"),
        ({"replay_ttl": "8d"}, "--replay-ttl"),
        ({"trusted_proxies": "10.0.0.0/8,proxy.example"}, "--trusted-proxies: 'proxy.example'"),
        ({"trusted_proxies": "10.0.0.1/8"}, "--trusted-proxies: 10.0.0.1/8 has host bits set"),
        ({"public_buckets": "site,Not_A_Bucket"}, "--public-buckets: 'Not_A_Bucket' is not a bucket name"),
        ({"requests_per_key": "-1"}, "--requests-per-key"),
        ({"max_connections": "0"}, "--max-connections"),
        ({"mpu_complete_limit": "many"}, "--mpu-complete-limit"),
        ({"auth_failures_per_minute": "-5"}, "--auth-failures-per-minute"),
        ({"default_encryption": "aws:kms"}, "--default-encryption"),
        ({"ephemeral": True, "segment_store": "filesystem"}, "contradicts --segment-store"),
        ({"no_such_setting": 1}, "there is no such setting"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(flags: dict[str, object], said: str) -> None:
    assert said in _problems(**flags)


def test_every_problem_is_told_at_once() -> None:
    message = _problems(max_object_size="x", idle_timeout="y")
    assert "--max-object-size" in message
    assert "--idle-timeout" in message


def test_ephemeral_means_memory() -> None:
    settings = load_settings(ephemeral=True)
    assert (settings.metadata_adapter, settings.segment_adapter) == ("memory", "memory")


def test_an_adapter_of_somebody_else_is_named_by_module_and_class() -> None:
    assert load_settings(segment_store="lab.stores:TapeStore").segment_adapter == "lab.stores:TapeStore"


def test_the_master_key_is_in_the_data_dir_unless_told_otherwise() -> None:
    assert load_settings(data_dir="/srv/x").master_key_path == Path("/srv/x/.seglake-master.key")
    assert load_settings(master_key_file="/run/kek").master_key_path == Path("/run/kek")


def test_a_secrets_file_is_taken_literally(tmp_path: Path) -> None:
    text = f"# keys\n\nexport SEGLAKE_ACCESS_KEY='test'\r\nSEGLAKE_SECRET_KEY = {CANARY}\nSEGLAKE_REGION=\n"
    settings = load_settings(secrets_file=_secrets(tmp_path, text))
    assert settings.access_key == "test"
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == CANARY
    assert settings.region == "us-east-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CANARY, "line 1"),
        (f"SEGLAKE_ACESS_KEY={CANARY}", "'SEGLAKE_ACESS_KEY' is not a setting"),
        (f"ACCESS_KEY={CANARY}", "expected SEGLAKE_NAME=value"),
        (f"\nSEGLAKE_SECRET_KEY={CANARY}\nSEGLAKE_SECRET_KEY={CANARY}", "line 3"),
        ("SEGLAKE_SECRETS_FILE=/other", "not a setting that can stand here"),
    ],
)
def test_a_bad_line_of_a_secrets_file_is_named_and_not_quoted(tmp_path: Path, text: str, said: str) -> None:
    assert said in _problems(secrets_file=_secrets(tmp_path, text))


def test_a_secrets_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    assert "cannot read the secrets file" in _problems(secrets_file=tmp_path / "missing")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in _problems(secrets_file=binary)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert flag_name("max_object_size") == "--max-object-size"


def test_importing_the_settings_does_not_load_the_server() -> None:
    heavy = ("aiohttp", "apsw", "typer", "rich")
    code = f"import sys, seglake.entrypoints.settings; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_cors_settings_make_one_rule_for_buckets_without_any() -> None:
    assert load_settings().cors == ()
    (rule,) = load_settings(cors_origins="https://a https://*.b", cors_methods="get,PUT", cors_max_age="5m").cors
    assert rule.origins == ("https://a", "https://*.b")
    assert (rule.methods, rule.headers, rule.max_age_s) == (("GET", "PUT"), ("*",), 300)
    assert "ETag" in rule.exposed
    assert front_config_of(load_settings(cors_origins="*")).cors[0].origins == ("*",)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"cors_origins": "http://*.*"}, "can not have more than one wildcard"),
        ({"cors_origins": "*", "cors_methods": "PATCH"}, "Unsupported method is PATCH"),
        ({"cors_origins": "*", "cors_headers": "a:b"}, "is not the name of a header"),
        ({"cors_origins": "*", "cors_max_age": "2d"}, "--cors-max-age"),
        ({"cors_methods": "GET"}, "--cors-methods says nothing without --cors-origins"),
    ],
)
def test_cors_settings_that_make_no_rule_are_refused(flags: dict[str, str], problem: str) -> None:
    assert problem in _problems(**flags)
