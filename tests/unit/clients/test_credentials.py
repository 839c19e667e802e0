"""What a source asks for comes from files, and what is in them is never told."""

import base64
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from aetherlink.clients.credentials import connection_of, read_bearer_token, read_password, read_tls
from aetherlink.clients.source_options import SourceOptions, TlsOptions
from aetherlink.errors import SettingsError

CERTIFICATES = Path(__file__).parents[2] / "rigs/certificates"


def source(**more: Any) -> SourceOptions:
    return SourceOptions.model_validate({"name": "prod", "prometheus": "http://prometheus:9090", **more})


def test_the_token_is_the_one_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret.a-b_c~+/=\n")

    assert read_bearer_token(file) == "s3cret.a-b_c~+/="


@pytest.mark.parametrize(
    "content",
    [b"", b"  \n", b"s3cret and more", b"s3cret\nX-Evil: 1", b"s3cret\x00", b"s3cr\xc3\xa9t", b"s3cret" * 5000],
    ids=["empty", "blank", "two words", "two lines", "control", "not ascii", "too long"],
)
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"bearer_token_file .*token holds no token") as caught:
        read_bearer_token(file)
    assert "s3cr" not in str(caught.value)


def test_a_password_may_hold_spaces_and_letters_of_any_kind(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" über: geheim \n")

    assert read_password(file) == " über: geheim "


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"s3cret\nmore", b"s3cret\x00", b"s3cr\xff", b"s3cret" * 5000],
    ids=["empty", "blank", "two lines", "control", "not UTF-8", "too long"],
)
def test_what_is_no_password_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"password_file .*password holds") as caught:
        read_password(file)
    assert "s3cr" not in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere cannot be read: No such file.*Put the token there"):
        read_bearer_token(tmp_path / "nowhere")


def test_a_pipe_or_a_folder_does_not_block_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SettingsError, match=r"bearer_token_file .* (is not a regular file|cannot be read)"):
            read_bearer_token(place)


def test_a_name_and_a_password_become_one_header_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    login = {"username": "agent", "password_file": str(tmp_path / "password")}

    found = connection_of(source(basic_auth=login, proxy="http://proxy:3128", proxy_basic_auth=login))

    assert base64.b64decode(found.headers["authorization"].removeprefix("Basic ")) == b"agent:s3cret"
    assert found.proxy is not None
    assert found.proxy.login == ("agent", "s3cret")
    assert "s3cret" not in repr(found)
    assert "authorization" not in repr(found)


def test_a_source_that_asks_for_nothing_gets_nothing() -> None:
    found = connection_of(source())

    assert (dict(found.headers), found.tls, found.server_name, found.proxy) == ({}, None, None, None)


def test_verifying_is_the_default_and_only_its_own_setting_ends_it() -> None:
    careful, careless = read_tls(TlsOptions()), read_tls(TlsOptions(insecure_skip_verify=True))

    assert (careful.verify_mode, careful.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (careless.verify_mode, careless.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ca_file": "nowhere"}, r"tls\.ca_file .*nowhere cannot be used: .*No such file"),
        ({"ca_file": "server.key"}, r"tls\.ca_file .*server\.key cannot be used"),
        ({"cert_file": "client.pem", "key_file": "server.key"}, r"client\.pem with tls\.key_file .*belong together"),
        ({"cert_file": "client.pem", "key_file": "encrypted.key"}, r"encrypted\.key cannot be used.*not encrypted"),
    ],
)
def test_a_certificate_that_cannot_serve_is_named(options: dict[str, str], complaint: str) -> None:
    files = {key: CERTIFICATES / name for key, name in options.items()}

    with pytest.raises(SettingsError, match=complaint):
        read_tls(TlsOptions.model_validate(files))
