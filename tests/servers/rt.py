"""Request Tracker 5 on a SQLite file of its own, with a queue that everybody may write to.

``ana`` is a user without privileges, as those who report; ``root`` is the agent. A restart keeps the tickets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import NotInstalled, Process, free_port, seeded

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
LIBRARY = "/usr/share/request-tracker5/lib"
CONFIG = """
Set($rtname, 'example.test'); Set($Organization, 'example.test');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{folder}/rt.db');
Set($WebPath, ''); Set($WebDomain, '127.0.0.1'); Set($WebPort, {port});
Set($WebBaseURL, 'http://127.0.0.1:{port}'); Set($WebURL, 'http://127.0.0.1:{port}/');
Set($RestrictReferrer, 0); Set($MailCommand, 'testfile'); Set($BcryptCost, 4);
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning');
1;
"""
SEED = """
use lib '{library}';
use RT -init;
my $system = RT->SystemUser;
my %tokens;
for my $name ('ana', 'berta') {{
    my $user = RT::User->new($system);
    $user->Create(Name => $name, EmailAddress => "$name\\@example.test", Privileged => 0, Password => 'secret-1234');
}}
my $everyone = RT::Group->new($system); $everyone->LoadSystemInternalGroup('Everyone');
$everyone->PrincipalObj->GrantRight(Right => 'ManageAuthTokens', Object => $RT::System);
my $queue = RT::Queue->new($system); $queue->Load('General');
$everyone->PrincipalObj->GrantRight(Right => $_, Object => $queue) for qw(CreateTicket ReplyToTicket SeeQueue);
my $requestor = RT::Group->new($system); $requestor->LoadRoleGroup(Object => $queue, Name => 'Requestor');
$requestor->PrincipalObj->GrantRight(Right => $_, Object => $queue) for qw(ShowTicket ReplyToTicket ModifyTicket);
my $field = RT::CustomField->new($system);
$field->Create(Name => 'Centro', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => $queue->Id);
$everyone->PrincipalObj->GrantRight(Right => $_, Object => $queue)
    for qw(SeeCustomField ModifyCustomField SetInitialCustomField);
my $class = RT::Class->new($system); $class->Create(Name => 'Ayuda');
$everyone->PrincipalObj->GrantRight(Right => $_, Object => $class) for qw(SeeClass ShowArticle SeeCustomField);
my $text = RT::CustomField->new($system);
$text->Create(Name => 'Contenido', Type => 'Text', LookupType => 'RT::Class-RT::Article');
$text->AddToObject($class);
$everyone->PrincipalObj->GrantRight(Right => 'SeeCustomField', Object => $text);
my $article = RT::Article->new($system);
$article->Create(Name => 'La impresora no imprime', Summary => 'Reinicia la cola', Class => $class->Id,
    'CustomField-' . $text->Id => 'Abre Impresoras y reinicia la cola.');
my $scrips = RT::Scrips->new($system); $scrips->UnLimit;  # half of its work were mails that nobody reads
while (my $scrip = $scrips->Next) {{ $scrip->SetDisabled(1) if $scrip->ActionObj->ExecModule =~ /^(Notify|Autoreply)/ }}
for my $name ('ana', 'berta', 'root') {{
    my $user = RT::CurrentUser->new($system); $user->Load($name);
    my ($id, $message, $token) = RT::AuthToken->new($user)->Create(Owner => $user->Id, Description => 'tests');
    print "$name $token\\n";
}}
"""


@dataclass(frozen=True, slots=True)
class RtServer:
    """``url`` is the web address; ``tokens`` by user: ana and berta report, root answers."""

    url: str
    tokens: dict[str, str]
    process: Process

    def ask(self, method: str, path: str, content: object = None, user: str = "root") -> Any:
        """One call of an agent's. ``path`` below ``/REST/2.0``; what it says as JSON, or bytes."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.tokens[user]}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/REST/2.0/{path}", body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return json.load(reply)

    def restart(self, *, kill: bool = False) -> None:
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()


def start_rt(folder: Path, more: str = "") -> RtServer:
    """``more``: settings of its own. Raises: NotInstalled."""
    if not SERVER.exists():
        raise NotInstalled("request-tracker5")
    seed = seeded("rt", _make_seed, CONFIG, SEED)
    shutil.copy(seed / "rt.db", folder / "rt.db")
    port = free_port()
    environment = _environment(folder, port, more)
    tokens = dict(line.split() for line in (seed / "tokens.txt").read_text("utf-8").splitlines())
    command = [SERVER, "--server", "Starlet", "--host", "127.0.0.1", "--port", str(port), "--max-workers", "2",
               "--max-reqs-per-child", "100000"]  # each new one would have to warm up  # fmt: skip
    return RtServer(f"http://127.0.0.1:{port}", tokens, Process(command, folder, port, environment=environment))


def _environment(folder: Path, port: int, more: str = "") -> dict[str, str]:
    (folder / "more").mkdir(exist_ok=True)
    (folder / "RT_SiteConfig.pm").write_text(more + CONFIG.format(folder=folder, port=port), "utf-8")
    return {"RT_SITE_CONFIG": str(folder / "RT_SiteConfig.pm"), "RT_SITE_CONFIG_DIR": str(folder / "more")}


def _make_seed(folder: Path) -> None:
    (folder / "seed.pl").write_text(SEED.format(library=LIBRARY), "utf-8")
    environment = {**os.environ, **_environment(folder, 80)}
    init = ["rt-setup-database-5", "--action", "init", "--skip-create"]
    made = subprocess.run(init, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    seed = subprocess.run(["perl", folder / "seed.pl"], env=environment, capture_output=True, text=True)
    assert seed.returncode == 0, seed.stderr
    lines = [line for line in seed.stdout.splitlines() if line.count(" ") == 1]
    (folder / "tokens.txt").write_text("\n".join(lines), "utf-8")
