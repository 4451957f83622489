"""A mail provider: aiosmtpd takes in, Dovecot keeps and shows. Every local part of ``desk.test`` is a mailbox.

``ana`` reports, ``soporte`` is the desk. What lies in a mailbox is read from the disk, byte for byte.
"""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.certificate import self_signed
from tests.servers.cloud import Asked, Told
from tests.servers.oauth import OAuthServer, Provider
from tests.servers.process import PLACE, NotInstalled, Process, find_program, free_port

PASSWORD = "secret-1234"
CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = no
auth_mechanisms = plain xoauth2
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%n
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
recipient_delimiter = +
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@desk.test
}}
protocol imap {{
  mail_max_userip_connections = 100
}}
"""


class Microsoft(OAuthServer):
    """Signs in for mail as Microsoft does. Source: "Microsoft identity platform and OAuth 2.0 authorization code flow"
    and "Authenticate an IMAP, POP or SMTP connection using OAuth", 2026."""

    authorize_path, token_path = "/organizations/oauth2/v2.0/authorize", "/organizations/oauth2/v2.0/token"

    def __init__(self) -> None:
        scope = "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
        # [V] "refresh tokens replace themselves with a fresh token upon every use"; a new one comes only with the scope
        # "offline_access". [V] "redirect_uri […] for native & mobile apps […] http://localhost".
        super().__init__(Provider(scope, offline=("", "offline_access"), hosts=("localhost",), rotates=True))

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith("/token"):
            # [V] "client_secret: required for confidential web apps"; AADSTS700025: "Client is public so neither
            # 'client_assertion' nor 'client_secret' should be presented."
            assert "client_secret" not in asked.form
            # [V] "scope: a space-separated list of scopes […] must be equivalent to, or a subset of" those asked for.
            assert set(asked.form.get("scope", "").split()) <= set(self.provider.scope.split())
        return super().answer(asked)


class Tokens(OAuthServer):
    """Signs in as Google does, and tells mail servers whose token it is, also of Microsoft's."""

    def __init__(self, provider: Provider) -> None:
        self.microsoft = Microsoft()
        super().__init__(provider)

    def stop(self) -> None:
        self.microsoft.stop()
        super().stop()

    def serve(self, asked: Asked) -> Told:
        assert asked.path == "/tokeninfo"
        good = asked.query.get("access_token") in self.provider.access | self.microsoft.provider.access
        return Told(200, {"email": "ana@desk.test"}) if good else Told(400, {"error": "invalid_token"})


@dataclass(frozen=True)
class MailServer:
    """Ports by name: ``bare``, ``starttls``, ``tls`` take mail in, ``imap`` (also STARTTLS) and ``imaps`` show it."""

    ports: dict[str, int]
    certificate: Path
    tokens: Tokens
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def deliver(self, to: str, content: bytes, sender: str = "agente@desk.test") -> None:
        """Puts a mail into a mailbox, as if it came from outside."""
        with smtplib.LMTP("127.0.0.1", self.ports["lmtp"]) as line:
            line.sendmail(sender, [to], content)

    def box(self, name: str) -> Iterator[bytes]:
        """Every mail in somebody's inbox, whole, oldest first."""
        place = self.folder / "mail" / name
        files = [path for part in ("cur", "new") for path in (place / part).glob("*")]
        for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name)):
            yield path.read_bytes()

    def empty(self) -> None:
        """All mailboxes, as if nobody had ever written."""
        for place in (self.folder / "mail").iterdir():
            shutil.rmtree(place)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()
        self.tokens.stop()
        shutil.rmtree(self.folder)


def start_mail(folder: Path) -> MailServer:
    """Raises: NotInstalled."""
    program, python = find_program("dovecot"), PLACE / "venv/bin/python"
    if not next(PLACE.glob("venv/lib/python*/site-packages/aiosmtpd"), None):
        raise NotInstalled("aiosmtpd")
    if os.geteuid():
        raise NotInstalled("Dovecot as root (only root may give mailboxes to their user); it")
    open_to_nobody = Path(tempfile.mkdtemp(prefix="testigo-mail-"))
    open_to_nobody.chmod(0o755)
    for name in ("mail", "run", "state"):
        (open_to_nobody / name).mkdir()
    shutil.chown(open_to_nobody / "mail", "nobody", "nogroup")
    certificate = self_signed(folder, "localhost", "mail.desk.test")
    tokens = Tokens(Provider("https://mail.google.com/"))
    ports = {name: free_port() for name in ("bare", "starttls", "tls", "imap", "imaps", "lmtp")}
    token_url = f"{tokens.url}/tokeninfo?access_token="
    (open_to_nobody / "oauth2.conf").write_text(f"tokeninfo_url = {token_url}\nusername_attribute = email\n", "utf-8")
    text = CONFIGURATION.format(folder=open_to_nobody, certificate=certificate, password=PASSWORD, **ports)
    configuration = open_to_nobody / "dovecot.conf"
    configuration.write_text(text, "utf-8")
    server = MailServer(ports, certificate, tokens, open_to_nobody)
    told = {**ports, "tokens": token_url, "certificate": str(certificate)}
    (folder / "smtpd.json").write_text(json.dumps(told), "utf-8")
    script = Path(__file__).with_name("smtpd.py")
    try:
        server.processes.append(Process([program, "-F", "-c", configuration], folder, ports["imap"]))
        server.processes.append(Process([python, script, folder / "smtpd.json"], folder, ports["tls"]))
    except RuntimeError:
        server.stop()
        raise
    return server
