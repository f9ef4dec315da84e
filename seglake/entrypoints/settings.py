"""One frozen value holds every setting: flags win over ``SEGLAKE_…``, these over the secrets file, over the defaults.

A setting ``max_object_size`` is the flag ``--max-object-size`` and the variable ``SEGLAKE_MAX_OBJECT_SIZE``, in the
environment and in the secrets file alike. An empty variable counts as not set. Sizes are bytes, durations seconds;
both are also read as people write them (``64MiB``, ``10m``; see units.py).
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.cors import METHODS, NO_RULES, CorsRule, Rules, check_rules
from seglake.domain.model.credential import ACCESS_KEY_RULE, SECRET_RULE, is_access_key, is_secret
from seglake.domain.model.errors import InvalidBucketName, InvalidRequest
from seglake.domain.model.names import check_bucket_name
from seglake.entrypoints.places import ops_problems, parse_ops_address
from seglake.entrypoints.units import ListenAddress, parse_address, parse_duration, parse_size

CHUNK_SIZE: Final = 4 << 20
"""Bytes of an object's chunk; part of the format, not a setting."""

CORS_EXPOSED: Final = (
    "ETag",
    "x-amz-request-id",
    "x-amz-id-2",
    "x-amz-version-id",
    "x-amz-delete-marker",
    "x-amz-server-side-encryption",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
    "Content-Range",
    "Accept-Ranges",
)
"""Headers of an answer that pages may read by --cors-origins: those that clients in a browser need."""

PREFIX: Final = "SEGLAKE_"
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_SECRETS_FILE_MAX: Final = 1 * _MIB
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_ADAPTER = re.compile(r"[a-z][a-z0-9_]*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


class SettingsInvalid(Exception):
    """The settings cannot be used; ``problems`` has one sentence each, without any secret in it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word for word in re.split(r"[,\s]+", value) if word)
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _encryption(value: object) -> object:
    names = {"none": "none", "aes256": "AES256"}
    return names.get(value.lower(), value) if isinstance(value, str) else value


def _capital(value: object) -> object:
    return value.capitalize() if isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(_size)]
Duration = Annotated[float, BeforeValidator(_duration)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class Settings(BaseSettings):
    """Everything that can be configured. Build it with `load_settings`; secrets never appear in its repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    addr: str = Field(":9000", description="address to listen on; ':9000' means every interface, port 0 any free port")
    data_dir: Path = Field(Path("./data"), description="directory that holds the store")
    secrets_file: Path | None = Field(
        None, description="file of SEGLAKE_NAME=value lines; the environment wins over it"
    )
    master_key_file: Path | None = Field(None, description="file of the key-encryption key (default: in the data dir)")
    access_key: str | None = Field(None, description="root access key; with none, a key is generated and kept")
    secret_key: SecretStr | None = Field(None, description="root secret key, 8 to 128 printable characters")

    tls: bool = Field(False, description="speak HTTPS instead of HTTP; needs tls_cert and tls_key")
    tls_cert: Path | None = Field(None, description="PEM file of the certificate chain; read again when it changes")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key, not readable by others")
    trusted_proxies: Words = Field(
        (), description="networks (10.0.0.0/8) whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )
    public_buckets: Words = Field((), description="buckets whose policies may allow anonymous requests")
    require_content_md5: bool = Field(
        False, description="refuse objects and parts without Content-MD5 or an x-amz-checksum"
    )
    allow_unsigned_payload: bool = Field(
        True, description="take bodies that the Authorization header's signature does not cover"
    )
    auth_failures_per_minute: int = Field(
        300, ge=0, le=1_000_000, description="explained failures of an address or key, then 503 SlowDown; 0 means all"
    )
    replay_ttl: Duration = Field(
        0.0, ge=0, le=7 * 86400, description="time in which a repeated signature is logged; 0 means off"
    )
    replay_block: bool = Field(False, description="refuse repeated signatures; needs replay_ttl")
    replay_cache_max: int = Field(
        100_000, ge=1, le=10_000_000, description="signatures remembered; the oldest go first"
    )

    region: str = Field("us-east-1", description="region of the store")
    regions: Words = Field((), description="further regions that requests may be signed for")
    domains: Words = Field((), description="base domains of virtual-hosted buckets (bucket.DOMAIN)")
    virtual_hosted: bool = Field(True, description="recognise the bucket in the Host header")
    default_versioning: Annotated[Versioning, BeforeValidator(_capital)] = Field(
        Versioning.UNVERSIONED, description="versioning of new buckets: unversioned, enabled or suspended"
    )
    default_encryption: Annotated[Literal["none", "AES256"], BeforeValidator(_encryption)] = Field(
        "none", description="encryption of new objects in buckets without a default of their own: none or AES256"
    )
    allow_insecure_sse_c: bool = Field(
        False, description="take customers' keys (SSE-C) over plain http from other machines too"
    )
    require_if_match_buckets: Words = Field((), description="buckets whose overwrites must carry If-Match; * means all")

    cors_origins: Words = Field(
        (), description="origins that browsers may use buckets from which have no CORS rules of their own; * means all"
    )
    cors_methods: Words = Field(METHODS, description="methods that pages of these origins may use")
    cors_headers: Words = Field(("*",), description="request headers that these pages may send; * means all")
    cors_max_age: Duration = Field(3600.0, ge=0, le=86400, description="time that a browser may remember this")

    max_object_size: Size = Field(5 * _GIB, ge=0, description="largest object; 0 means no limit")
    mpu_min_part_size: Size = Field(5 * _MIB, ge=1, le=5 * _GIB, description="smallest part but the last")
    max_url_length: Size = Field(32 << 10, ge=2 << 10, le=_MIB, description="longest request target")
    max_header_bytes: Size = Field(32 << 10, ge=4 << 10, le=_MIB, description="longest request head")
    max_in_flight: Size = Field(256 * _MIB, ge=4 * CHUNK_SIZE, description="bytes of request bodies held in memory")
    inline_limit: Size = Field(256 << 10, ge=0, le=CHUNK_SIZE, description="bodies up to this travel with their commit")
    max_connections: int = Field(
        10_000, ge=1, le=1_000_000, description="open connections; fewer when the process may open fewer files"
    )
    requests_per_key: int = Field(
        32, ge=0, le=100_000, description="requests of one key under way at once, more wait; 0 means no limit"
    )
    mpu_complete_limit: int = Field(
        32, ge=0, le=100_000, description="CompleteMultipartUpload requests under way at once; 0 means no limit"
    )

    segment_size: Size = Field(_GIB, ge=64 << 10, le=64 * _GIB, description="a segment is sealed at this size")
    segment_idle: Duration = Field(600.0, gt=0, description="a segment is sealed after this long without a write")
    reserve: Size = Field(64 * _MIB, ge=0, description="space kept so that deletes still commit on a full disk")
    max_batch_ops: int = Field(256, ge=1, le=10_000, description="operations in one commit")
    max_batch_bytes: Size = Field(16 * _MIB, ge=4096, description="bytes appended before one commit is closed")
    lifecycle_day: Duration = Field(
        86400.0, ge=1, le=86400, description="length of a day of lifecycle rules; shorter ones are for trials"
    )
    lifecycle_interval: Duration = Field(
        3600.0, ge=0.1, le=86400, description="time between two runs of the lifecycle rules; at most a lifecycle_day"
    )
    lifecycle_rate: int = Field(500, ge=1, le=1_000_000, description="removals by lifecycle rules in a second")
    scrub_interval: Duration = Field(
        0.0, ge=0, le=366 * 86400, description="time between two automatic scrubs of all live data; 0 means none"
    )
    scrub_rate: Size = Field(32 * _MIB, ge=4096, description="bytes that an automatic scrub reads in a second")
    gc_interval: Duration = Field(
        0.0, ge=0, le=366 * 86400, description="time between two automatic collections of garbage; 0 means none"
    )
    gc_rate: Size = Field(16 * _MIB, ge=4096, description="bytes that an automatic rewrite moves in a second")
    gc_live_threshold: float = Field(
        0.5, ge=0, le=1, description="a segment of which less than this share is needed is rewritten; 0 means none"
    )
    gc_grace: Duration = Field(
        60.0, ge=0, le=86400, description="time that garbage stays readable, and then as long in quarantine"
    )
    gc_min_age: Duration = Field(0.0, ge=0, description="segments begun later than this ago are not collected")
    metadata_store: str = Field("sqlite", description="metadata adapter: sqlite, memory or package.module:Class")
    segment_store: str = Field("filesystem", description="segment adapter: filesystem, memory or package.module:Class")
    ephemeral: bool = Field(False, description="keep everything in memory; nothing survives the process")

    read_header_timeout: Duration = Field(10.0, gt=0, le=3600, description="time to receive a request head")
    read_timeout: Duration = Field(30.0, gt=0, le=3600, description="time over which a body must keep body_min_rate")
    write_timeout: Duration = Field(30.0, gt=0, le=3600, description="time over which a reader must keep body_min_rate")
    body_min_rate: Size = Field(1 << 10, ge=0, description="slowest body or reader in bytes per second; 0 means any")
    idle_timeout: Duration = Field(15.0, gt=0, le=86400, description="an idle connection is closed after this")
    shutdown_timeout: Duration = Field(30.0, ge=0, le=3600, description="time for open requests at a shutdown")

    ops_addr: str = Field(
        "127.0.0.1:9100", description="address of metrics and health, without authentication; off for none"
    )
    ops_allow_remote: bool = Field(False, description="let ops_addr be an address that other machines reach")

    log_format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)] = Field(
        "auto", description="auto writes for people on a terminal and JSON elsewhere"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="least severity that is written"
    )
    access_log: bool = Field(False, description="log every request, where the log goes unless there is access_log_file")
    access_log_format: Annotated[Literal["json", "s3"], BeforeValidator(_lower)] = Field(
        "json", description="json, or s3 for the format of Amazon S3's server access logs; needs access_log_file"
    )
    access_log_file: Path | None = Field(
        None, description="file of the access log, begun anew on SIGHUP; - is standard output"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, secrets file; defaults follow by themselves. (pydantic-settings, "Customise sources")"""
        return init_settings, env_settings, _SecretsFile(settings_cls)

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = tuple(_problems(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def listen(self) -> ListenAddress:
        """``addr``, parsed."""
        return parse_address(self.addr)

    @property
    def ops_listen(self) -> ListenAddress | None:
        """``ops_addr``, parsed; None when there shall be no such listener."""
        return parse_ops_address(self.ops_addr)

    @property
    def all_regions(self) -> frozenset[str]:
        """Every region that a signature may name."""
        return frozenset((self.region, *self.regions))

    @property
    def lifecycle_day_ms(self) -> int:
        """``lifecycle_day`` in milliseconds."""
        return round(self.lifecycle_day * 1000)

    @property
    def cors(self) -> Rules:
        """The CORS rules of buckets without rules of their own. InvalidRequest when the settings make no rule."""
        if not self.cors_origins:
            return NO_RULES
        rule = CorsRule(
            origins=self.cors_origins,
            methods=tuple([method.upper() for method in self.cors_methods]),
            headers=self.cors_headers,
            exposed=CORS_EXPOSED,
            max_age_s=int(self.cors_max_age),
        )
        return check_rules((rule,))

    @property
    def master_key_path(self) -> Path:
        """Where the key-encryption key is, or will be created."""
        return self.master_key_file or self.data_dir / ".seglake-master.key"

    @property
    def metadata_adapter(self) -> str:
        """Name of the metadata adapter in force."""
        return "memory" if self.ephemeral else self.metadata_store

    @property
    def segment_adapter(self) -> str:
        """Name of the segment adapter in force."""
        return "memory" if self.ephemeral else self.segment_store


SECTIONS: Final = {
    "addr": "Where",
    "tls": "Who gets in",
    "region": "Buckets and names",
    "max_object_size": "Sizes and numbers",
    "segment_size": "The store",
    "read_header_timeout": "Times",
    "ops_addr": "Watching",
    "log_format": "Logs",
}
"""Titles in the help, each before the setting that it begins with; the order is that of the fields."""


def load_settings(**flags: Any) -> Settings:
    """Settings with these flags on top; a flag that is None was not given. SettingsInvalid lists every problem."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsInvalid(tuple(_explain(error))) from None


def flag_name(setting: str) -> str:
    """``max_object_size`` as it is written on the command line."""
    return "--" + setting.replace("_", "-")


def read_secrets_file(path: Path) -> dict[str, str]:
    """``SEGLAKE_NAME=value`` lines as {setting: value}; SettingsInvalid names the line and never quotes a value.

    Blank lines and lines that begin with ``#`` are skipped, ``export`` in front is allowed, one pair of quotes around
    the value is taken off. Nothing is interpolated: a ``$`` is a ``$``. A name given twice or not known is an error.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise SettingsInvalid((f"cannot read the secrets file {path}: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise SettingsInvalid((f"the secrets file {path} is not UTF-8 text",)) from None
    if len(raw) > _SECRETS_FILE_MAX:
        raise SettingsInvalid((f"the secrets file {path} is larger than 1 MiB",))
    values: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().removeprefix("export ").strip()
        if not entry or entry.startswith("#"):
            continue
        name, value, problem = _secret_line(entry)
        if not problem and name in values:
            problem = "the name is given twice"
        if problem:
            problems.append(f"line {number} of the secrets file {path}: {problem}")
        elif value:
            values[name] = value
    if problems:
        raise SettingsInvalid(tuple(problems))
    return values


def _secret_line(entry: str) -> tuple[str, str, str]:
    """(setting, value, problem) of one line."""
    left, equals, value = entry.partition("=")
    name = left.strip()
    if not equals or not name.startswith(PREFIX):
        return "", "", f"expected {PREFIX}NAME=value"
    setting = name.removeprefix(PREFIX).lower()
    if setting not in Settings.model_fields or setting == "secrets_file":
        return "", "", f"{name[:64]!r} is not a setting that can stand here"
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return setting, value, ""


class _SecretsFile(PydanticBaseSettingsSource):
    """The file named by the flag or the variable; nothing when neither names one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: the file is read whole."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = self.current_state.get("secrets_file")
        return dict(read_secrets_file(Path(path))) if path else {}


def _problems(settings: Settings) -> list[str]:
    """What is wrong with values that have the right type, one sentence each."""
    found = []
    try:
        parse_address(settings.addr)
    except ValueError as error:
        found.append(f"--addr: {error}")
    found += _key_problems(settings)
    found += _access_problems(settings)
    found += ops_problems(settings.ops_addr, remote=settings.ops_allow_remote)
    if settings.access_log_format == "s3" and settings.access_log_file is None:
        found.append("--access-log-format s3 needs --access-log-file: the log itself has other lines too")
    for region in (settings.region, *settings.regions):
        if not _REGION.fullmatch(region):
            found.append(f"--region: {region[:64]!r} is not a region; use a-z, 0-9 and '-'")
    for domain in settings.domains:
        if not _DOMAIN.fullmatch(domain):
            found.append(f"--domains: {domain[:64]!r} is not a domain name in lower case, without a port")
    for name in ("metadata_store", "segment_store"):
        adapter = getattr(settings, name)
        if not _ADAPTER.fullmatch(adapter):
            found.append(f"{flag_name(name)}: {adapter[:64]!r} is neither an adapter's name nor package.module:Class")
        elif settings.ephemeral and name in settings.model_fields_set and adapter != "memory":
            found.append(f"--ephemeral keeps everything in memory and contradicts {flag_name(name)} {adapter}")
    found += _cors_problems(settings)
    return found


def _cors_problems(settings: Settings) -> list[str]:
    try:
        rules = settings.cors
    except InvalidRequest as error:
        return [f"--cors-origins, --cors-methods, --cors-headers: {error.hint}"]
    given = {"cors_methods", "cors_headers", "cors_max_age"} & settings.model_fields_set
    return [f"{flag_name(name)} says nothing without --cors-origins" for name in sorted(given) if not rules]


def _key_problems(settings: Settings) -> list[str]:
    found = []
    if (settings.access_key is None) != (settings.secret_key is None):
        found.append("--access-key and --secret-key come together: give both, or none to have a pair generated")
    if settings.access_key is not None and not is_access_key(settings.access_key):
        found.append(f"--access-key: {ACCESS_KEY_RULE}")
    if settings.secret_key is not None and not is_secret(settings.secret_key.get_secret_value()):
        found.append(f"--secret-key: {SECRET_RULE}")
    return found


def _access_problems(settings: Settings) -> list[str]:
    found = []
    for name in ("tls_cert", "tls_key"):
        given = getattr(settings, name) is not None
        if settings.tls and not given:
            found.append(f"--tls needs --tls-cert and --tls-key; {flag_name(name)} is missing")
        if given and not settings.tls:
            found.append(f"{flag_name(name)} is given without --tls: give both, or neither")
    if settings.replay_block and not settings.replay_ttl:
        found.append("--replay-block needs --replay-ttl, the time in which a signature may not come again (15m)")
    for network in settings.trusted_proxies:
        try:
            ip_network(network)
        except ValueError as error:
            found.append(f"--trusted-proxies: {error}")
    for bucket in settings.public_buckets:
        try:
            check_bucket_name(bucket)
        except InvalidBucketName as error:
            found.append(f"--public-buckets: {error}")
    return found


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["loc"]:
            setting = str(item["loc"][0])
            source = f"{flag_name(setting)} ({PREFIX}{setting.upper()})"
            lines.append(f"{source}: {'there is no such setting' if item['type'] == 'extra_forbidden' else message}")
        else:
            lines += message.split("\n")
    return lines
