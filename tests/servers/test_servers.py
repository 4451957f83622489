"""Each real server starts, takes some megabytes, gives them back, and keeps or forgets them as its module says."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.azurite import AzuriteServer
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Server
from tests.servers.sshd import SftpServer
from tests.servers.tus import TusServer
from tests.servers.webdav import WebdavServer

CONTENT = bytes(range(256)) * 20_000


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
    # Anonymous, so refused; but a bucket that is not there is told apart: the host was read as a bucket's name.
    assert ask("GET", rgw.url, headers={"Host": "test-host.localhost"}).status == 403
    assert ask("GET", rgw.url, headers={"Host": "test-nobody.localhost"}).status == 404


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


def test_azurite_keeps_a_private_blob_over_a_restart(azurite: AzuriteServer) -> None:
    path = f"/{azurite.make_container('test-servers')}/a file.bin"
    assert azurite.ask("PUT", path, body=CONTENT, headers={"x-ms-blob-type": "BlockBlob"})[0] == 201
    azurite.restart()
    assert azurite.ask("GET", path) == (200, CONTENT)
    assert ask("GET", f"{azurite.url}{path.replace(' ', '%20')}").status in (403, 404)


def test_the_tus_server_goes_on_after_a_restart(tusd: TusServer) -> None:
    version = {"Tus-Resumable": "1.0.0"}
    made = ask("POST", tusd.url, b"", {**version, "Upload-Length": str(len(CONTENT))})
    assert made.status == 201
    url, half = made.headers["Location"], len(CONTENT) // 2

    def patch(offset: int, part: bytes) -> int:
        fields = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        return ask("PATCH", url, part, {**version, **fields}).status

    assert patch(0, CONTENT[:half]) == 204
    tusd.restart(kill=True)
    assert ask("HEAD", url, headers=version).headers["Upload-Offset"] == str(half)
    assert patch(half, CONTENT[half:]) == 204
    assert (tusd.files / url.rsplit("/", 1)[1]).read_bytes() == CONTENT
    assert ask("GET", url).body == CONTENT


@pytest.mark.parametrize("name", ["nginx_dav", "wsgidav"])
def test_a_webdav_server_takes_with_a_password_and_gives_without(name: str, request: pytest.FixtureRequest) -> None:
    server: WebdavServer = request.getfixturevalue(name)
    known = {"Authorization": "Basic " + base64.b64encode(f"{server.user}:{server.password}".encode()).decode()}
    assert ask("PROPFIND", f"{server.url}/").status == 401
    assert ask("PUT", f"{server.url}/a.part", CONTENT, known).status == 201
    assert ask("MKCOL", f"{server.url}/in/", headers=known).status == 201
    moved = ask("MOVE", f"{server.url}/a.part", headers={**known, "Destination": f"{server.url}/in/a.bin"})
    assert moved.status in (201, 204)
    server.restart()
    assert ask("PROPFIND", f"{server.url}/in/a.bin", headers={**known, "Depth": "0"}).status == 207
    assert ask("GET", f"{server.link_url}/in/a.bin").body == CONTENT
    assert ask("DELETE", f"{server.link_url}/in/a.bin").status == 403
    assert (server.files / "in/a.bin").read_bytes() == CONTENT
    assert ask("DELETE", f"{server.url}/in/", headers=known).status == 204


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
