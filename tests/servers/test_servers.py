"""Each real server starts, takes some megabytes, gives them back, and keeps or forgets them as its module says."""

from __future__ import annotations

import base64
import subprocess
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from tests.servers.azurite import AzuriteServer
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Server
from tests.servers.sshd import SftpServer
from tests.servers.tus import TusServer
from tests.servers.webdav import WebdavServer

CONTENT = bytes(range(256)) * 20_000


def ask(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, Message]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, fields, method=method), timeout=30) as reply:
            return reply.status, reply.read(), reply.headers
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(), refused.headers


def begin_multipart(server: S3Server, path: str) -> dict[str, str]:
    server.make_bucket(path.split("/")[1])
    status, said = server.ask("POST", path, {"uploads": ""}, b"")
    assert status == 200, said
    upload_id = said.decode().split("<UploadId>")[1].split("</UploadId>")[0]
    assert server.ask("PUT", path, {"partNumber": "1", "uploadId": upload_id}, CONTENT)[0] == 200
    return {"uploadId": upload_id}


@pytest.mark.parametrize("name", ["rgw", "rclone_s3", "moto"])
def test_an_s3_server_gives_back_what_it_took(name: str, request: pytest.FixtureRequest) -> None:
    server: S3Server = request.getfixturevalue(name)
    bucket = server.make_bucket("test-servers")
    assert server.ask("PUT", f"/{bucket}/a file.bin", body=CONTENT)[0] == 200
    assert server.ask("GET", f"/{bucket}/a file.bin") == (200, CONTENT)
    assert server.ask("GET", f"/{bucket}/other")[0] == 404


@pytest.mark.parametrize("name", ["rgw", "rclone_s3"])
def test_a_tampered_signature_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    server: S3Server = request.getfixturevalue(name)
    url = server.presign("GET", f"/{server.make_bucket('test-servers')}/a")
    assert ask("GET", url[:-2] + ("00" if url[-2:] != "00" else "11"))[0] == 403


def test_the_gateway_keeps_open_uploads_over_a_restart(rgw: Rgw) -> None:
    upload = begin_multipart(rgw, "/test-restart/a")
    rgw.restart()
    status, said = rgw.ask("GET", "/test-restart/a", upload)
    assert status == 200
    assert f"<Size>{len(CONTENT)}</Size>".encode() in said


def test_the_gateway_knows_buckets_by_host_name(rgw: Rgw) -> None:
    rgw.make_bucket("test-host")
    # Anonymous and refused: but because of the bucket that the host names, which is there, and another is not.
    assert ask("GET", f"{rgw.url}/", Host="test-host.localhost")[0] == 403
    assert ask("GET", f"{rgw.url}/", Host="test-nobody.localhost")[0] == 404


def test_rclone_forgets_open_uploads_when_it_restarts(rclone_s3: S3Server) -> None:
    upload = begin_multipart(rclone_s3, "/test-restart/a")
    rclone_s3.restart(kill=True)
    status, said = rclone_s3.ask("GET", "/test-restart/a", upload)
    assert status == 404
    assert b"NoSuchUpload" in said


def test_moto_forgets_everything_when_it_restarts(moto: S3Server) -> None:
    moto.make_bucket("test-restart")
    moto.restart()
    assert moto.ask("GET", "/test-restart")[0] == 404


def test_azurite_keeps_a_container_over_a_restart(azurite: AzuriteServer) -> None:
    name = azurite.make_container("test-servers")
    azurite.restart()
    with pytest.raises(urllib.error.HTTPError) as caught:
        azurite.make_container(name)
    with caught.value:
        assert caught.value.code == 409
    assert ask("GET", f"{azurite.url}/{name}/a")[0] in (403, 404)


def test_the_tus_server_goes_on_after_a_restart(tusd: TusServer) -> None:
    version = {"Tus_Resumable": "1.0.0"}
    status, _, headers = ask("POST", tusd.url, b"", **version, Upload_Length=str(len(CONTENT)))
    assert status == 201
    url, half = headers["Location"], len(CONTENT) // 2
    patch = {**version, "Content_Type": "application/offset+octet-stream"}
    assert ask("PATCH", url, CONTENT[:half], **patch, Upload_Offset="0")[0] == 204
    tusd.restart(kill=True)
    assert ask("HEAD", url, **version)[2]["Upload-Offset"] == str(half)
    assert ask("PATCH", url, CONTENT[half:], **patch, Upload_Offset=str(half))[0] == 204
    assert (tusd.files / url.rsplit("/", 1)[1]).read_bytes() == CONTENT
    assert ask("GET", url)[1] == CONTENT


@pytest.mark.parametrize("name", ["nginx_dav", "wsgidav"])
def test_a_webdav_server_takes_with_a_password_and_gives_without(name: str, request: pytest.FixtureRequest) -> None:
    server: WebdavServer = request.getfixturevalue(name)
    known = {"Authorization": "Basic " + base64.b64encode(f"{server.user}:{server.password}".encode()).decode()}
    assert ask("PROPFIND", f"{server.url}/")[0] == 401
    assert ask("PUT", f"{server.url}/a.part", CONTENT, **known)[0] == 201
    assert ask("MKCOL", f"{server.url}/in/", **known)[0] == 201
    moved = ask("MOVE", f"{server.url}/a.part", **known, Destination=f"{server.url}/in/a.bin")
    assert moved[0] in (201, 204)
    server.restart()
    assert ask("PROPFIND", f"{server.url}/in/a.bin", **known, Depth="0")[0] == 207
    assert ask("GET", f"{server.link_url}/in/a.bin")[1] == CONTENT
    assert ask("DELETE", f"{server.link_url}/in/a.bin")[0] == 403
    assert (server.files / "in/a.bin").read_bytes() == CONTENT
    assert ask("DELETE", f"{server.url}/in/", **known)[0] == 204


def sftp(server: SftpServer, known_hosts: Path, commands: str) -> subprocess.CompletedProcess[str]:
    options = {"IdentityFile": server.user_key, "UserKnownHostsFile": known_hosts, "StrictHostKeyChecking": "yes"}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return subprocess.run(
        ["sftp", "-F", "none", "-b", "-", "-P", str(server.port), *words, f"{server.user}@{server.host}"],
        input=commands, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_sshd_takes_files_and_its_host_key_can_change(sshd: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    sent = sftp(sshd, sshd.known_hosts, f"put {tmp_path}/a.bin")
    assert sent.returncode == 0, sent.stderr
    pinned = tmp_path / "known_hosts"
    pinned.write_text(sshd.known_hosts.read_text("ascii"), "ascii")
    sshd.change_host_key()
    assert "IDENTIFICATION HAS CHANGED" in sftp(sshd, pinned, "ls").stderr
    assert "a.bin" in sftp(sshd, sshd.known_hosts, "ls").stdout
    assert (sshd.files / "a.bin").read_bytes() == CONTENT
