"""What stands in examples/ is read by the programmes that it is for, or by a reader that knows their rules."""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from botocore.serialize import create_serializer
from botocore.session import get_session

from seglake.adapters.s3_protocol.documents.cors import parse_cors
from seglake.domain.model.policy import check_resources, is_public, parse_policy
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.settings import PREFIX, Settings, load_settings, read_secrets_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
SERVER_FLAGS = {option for parameter in COMMANDS["server"].params for option in parameter.opts}


def flags_of(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def commented_commands(path: Path) -> list[list[str]]:
    """The `seglake server ...` lines in a file's comments."""
    lines = [line.strip().lstrip("#").strip() for line in path.read_text().splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("seglake server")]


@pytest.mark.parametrize("name", ["caddy/Caddyfile", "nginx/seglake.conf", "secrets.env"])
def test_the_server_commands_in_comments_have_flags_that_exist(name: str) -> None:
    commands = commented_commands(EXAMPLES / name)
    assert commands
    for words in commands:
        assert set(flags_of(words)) <= SERVER_FLAGS


@pytest.fixture(scope="module")
def unit() -> dict[str, dict[str, list[str]]]:
    """{section: {name: values in order}}, since systemd allows a name several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in (EXAMPLES / "systemd" / "seglake.service").read_text().splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            current.setdefault(name, []).append(value)
    return sections


def test_the_unit_starts_the_server_with_flags_that_exist(unit: dict[str, dict[str, list[str]]]) -> None:
    service = unit["Service"]
    (start,) = service["ExecStart"]
    words = shlex.split(start)
    assert words[:2] == ["/opt/seglake/bin/seglake", "server"]
    assert set(flags_of(words)) <= SERVER_FLAGS
    assert words[words.index("--data-dir") + 1] == f"/var/lib/{service['StateDirectory'][0]}"
    (credential,) = service["LoadCredential"]
    assert words[words.index("--secrets-file") + 1] == "${CREDENTIALS_DIRECTORY}/" + credential.partition(":")[0]
    for assignment in service["Environment"]:
        name = assignment.partition("=")[0]
        assert name.removeprefix(PREFIX).lower() in Settings.model_fields


def test_the_unit_waits_as_long_as_the_server_may_take(unit: dict[str, dict[str, list[str]]]) -> None:
    service = unit["Service"]
    assert service["Type"] == ["notify"]
    assert int(service["TimeoutStopSec"][0].removesuffix("s")) > load_settings().shutdown_timeout
    assert service["RestartPreventExitStatus"] == ["2"], "what could not start says why and needs a person"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_the_unit_correct_and_little_exposed(tmp_path: Path) -> None:
    text = (EXAMPLES / "systemd" / "seglake.service").read_text()
    place = tmp_path / "seglake.service"
    place.write_text(text.replace("/opt/seglake/bin/seglake", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", place], capture_output=True, text=True)
    if "--offline" not in subprocess.run(["systemd-analyze", "--help"], capture_output=True, text=True).stdout:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert verified.stderr == ""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", place], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout[-300:]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = (EXAMPLES / "docker" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def test_the_image_is_built_on_a_version_that_is_named_and_supported() -> None:
    bases = [argument.split()[0] for name, argument in instructions() if name == "FROM"]
    python = re.compile(r"python:3\.([0-9]+)-slim-[a-z]+")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    for base in bases:
        found = python.fullmatch(base)
        assert found, base
        assert f"Programming Language :: Python :: 3.{found[1]}" in wanted
    assert len(set(bases)) == 1, "the libraries are built for the interpreter that runs them"


def test_the_image_runs_as_nobody_special_and_without_a_shell_in_between() -> None:
    last = [index for index, (name, _) in enumerate(instructions()) if name == "FROM"][-1]
    final = instructions()[last:]
    users = [argument for name, argument in final if name == "USER"]
    assert [user.partition(":")[0].isdigit() and int(user.partition(":")[0]) > 0 for user in users] == [True]
    after_user = final[[name for name, _ in final].index("USER") + 1 :]
    assert not [name for name, _ in after_user if name in ("RUN", "COPY")], "nothing is written as that user"
    for name, argument in final:
        if name in ("ENTRYPOINT", "CMD", "VOLUME"):
            assert isinstance(json.loads(argument), list)
    assert not [name for name, _ in instructions() if name in ("ADD", "MAINTAINER")]
    assert all("--no-cache-dir" in argument for name, argument in instructions() if "pip install" in argument)
    assert all("chmod 777" not in argument and "sudo" not in argument for _, argument in instructions())


def test_the_image_has_what_it_copies_and_its_settings_exist() -> None:
    by_name: dict[str, list[str]] = {}
    for name, argument in instructions():
        by_name.setdefault(name, []).append(argument)
    ignore = (EXAMPLES / "docker" / "Dockerfile.dockerignore").read_text().split("\n")
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore, "nothing is sent to the build but what is named"
    copied = [words[:-1] for words in map(str.split, by_name["COPY"]) if not words[0].startswith("--from")]
    for source in (word.removeprefix("./") for words in copied for word in words):
        assert (ROOT / source).exists(), source
        assert source in allowed
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {project["readme"], *project["license-files"], "pyproject.toml", "seglake"}
    assert needed <= {word.removeprefix("./") for words in copied for word in words}
    environment = dict(pair.split("=", 1) for pair in shlex.split(by_name["ENV"][0]))
    settings = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in settings} <= Settings.model_fields.keys()
    assert json.loads(by_name["VOLUME"][0]) == [settings["SEGLAKE_DATA_DIR"]]
    assert by_name["EXPOSE"] == [settings["SEGLAKE_ADDR"].rpartition(":")[2]]
    check = json.loads(by_name["HEALTHCHECK"][0].partition("CMD ")[2])
    assert check[0] == "seglake"
    assert check[1] in COMMANDS
    assert json.loads(by_name["ENTRYPOINT"][0]) + json.loads(by_name["CMD"][0]) == ["seglake", "server"]


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / "docker" / "compose.yaml").read_text())
    return found


def test_the_composition_gives_the_container_nothing_that_it_does_not_need() -> None:
    (service,) = composition()["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & service.keys()
    assert service["user"] == next(argument for name, argument in instructions() if name == "USER")
    host, published, inside = service["ports"][0].rsplit(":", 2)
    assert ipaddress.ip_address(host).is_loopback, "in clear nobody else reaches it"
    assert [published, inside] == ["9000", "9000"]


def test_the_composition_fits_the_image() -> None:
    whole = composition()
    (service,) = whole["services"].values()
    build = service["build"]
    context = (EXAMPLES / "docker" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    volume, place = service["volumes"][0].split(":")
    assert volume in whole["volumes"]
    assert any(name == "VOLUME" and json.loads(argument) == [place] for name, argument in instructions())
    (secret,) = service["secrets"]
    assert service["environment"] == {"SEGLAKE_SECRETS_FILE": f"/run/secrets/{secret}"}
    assert whole["secrets"][secret]["file"] == "./secrets.env"
    assert int(service["stop_grace_period"].removesuffix("s")) > load_settings().shutdown_timeout
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert any(fnmatch.fnmatch("/examples/docker/secrets.env", line) for line in ignored), "a secret is not committed"


def test_the_secrets_file_is_read_and_its_commented_lines_are_settings(tmp_path: Path) -> None:
    text = (EXAMPLES / "secrets.env").read_text()
    given = read_secrets_file(EXAMPLES / "secrets.env")
    assert given.keys() == {"access_key", "secret_key"}
    for number, group in enumerate(text.split("\n\n")):
        place = tmp_path / f"{number}.env"
        place.write_text(re.sub(rf"(?m)^#({PREFIX})", r"\1", group))
        for name, value in read_secrets_file(place).items():
            assert name in Settings.model_fields
            assert value


@pytest.mark.parametrize("name", ["public-read.json", "public-read.v1.json"])
def test_the_public_policies_are_bucket_policies_that_make_a_bucket_public(name: str) -> None:
    policy = parse_policy((EXAMPLES / "policies" / name).read_text(), principals=True)
    check_resources(policy, "assets")
    assert is_public(policy)


def test_the_policy_of_a_key_is_one() -> None:
    assert parse_policy((EXAMPLES / "policies" / "upload-only.key.json").read_text(), principals=False).statements


def test_every_policy_is_tried_here() -> None:
    names = {path.name for path in (EXAMPLES / "policies").iterdir()}
    assert names == {"public-read.json", "public-read.v1.json", "upload-only.key.json"}


def test_the_cors_example_is_what_the_aws_command_line_takes_and_the_store_accepts() -> None:
    model = get_session().get_service_model("s3")
    parameters = {"Bucket": "b", "CORSConfiguration": json.loads((EXAMPLES / "cors.json").read_text())}
    request = create_serializer("rest-xml").serialize_to_request(parameters, model.operation_model("PutBucketCors"))
    (rule,) = parse_cors(request["body"])
    assert rule.origins == ("https://app.example.org",)
    assert rule.max_age_s == 3600
