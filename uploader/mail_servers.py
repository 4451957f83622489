"""Which mail servers a domain uses, guessed for a form that somebody then looks at; nothing is sent to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from uploader.errors import UploaderError
from uploader.tunnel import reach

TRY_S = 3.0
SUBMISSION, IMAPS = 587, 993
"""Source: RFC 6409 (2011) and RFC 8314 (2018)."""
GOOGLE = {"server": "smtp.gmail.com:587", "imap": "imap.gmail.com:993", "mode": "google"}
MICROSOFT = {"server": "smtp.office365.com:587", "imap": "outlook.office365.com:993", "mode": "microsoft"}
"""Of a company; its people sign in at their own tenant."""
OUTLOOK = MICROSOFT | {"server": "smtp-mail.outlook.com:587", "tenant": "consumers"}
"""Of a person. Source: Microsoft, "POP, IMAP, and SMTP settings for Outlook.com"; "OAuth 2.0 authorization code flow"
names the tenant ``consumers`` for personal accounts, 2026."""
KNOWN: Mapping[str, Mapping[str, str]] = {
    "gmail.com": GOOGLE, "googlemail.com": GOOGLE, "outlook.com": OUTLOOK, "outlook.es": OUTLOOK,
    "hotmail.com": OUTLOOK, "hotmail.es": OUTLOOK, "live.com": OUTLOOK, "msn.com": OUTLOOK, "office365.com": MICROSOFT,
    "yahoo.com": {"server": "smtp.mail.yahoo.com:587", "imap": "imap.mail.yahoo.com:993"},
    "icloud.com": {"server": "smtp.mail.me.com:587", "imap": "imap.mail.me.com:993"},
}  # fmt: skip
"""Source: the providers' help pages for mail programs, 2026."""


def guess(domain: str, stopped: Callable[[], bool] = lambda: False) -> dict[str, str]:
    """The settings of a mail desk, as far as they can be told. Blocks for some seconds at most."""
    domain = domain.strip().lower()
    if domain in KNOWN:
        return dict(KNOWN[domain])
    if domain.endswith(".onmicrosoft.com"):
        return dict(MICROSOFT)
    found = {}
    for name, hosts, port in (("server", ("smtp", "mail"), SUBMISSION), ("imap", ("imap", "mail"), IMAPS)):
        scheme = "smtp" if name == "server" else name
        for host in hosts:
            if domain and not stopped() and _listens(scheme, f"{host}.{domain}", port):
                found[name] = f"{host}.{domain}:{port}"
                break
    return found


def _listens(scheme: str, host: str, port: int) -> bool:
    try:
        line, _ = reach(scheme, host, port, TRY_S)
        line.close()
        return True
    except (OSError, UnicodeError, UploaderError):
        return False
