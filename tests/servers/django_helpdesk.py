"""django-helpdesk 2.6 on a SQLite file of its own: an interface for its staff, and a public web form for everybody.

``ana`` is staff and reports by the interface, ``admin`` answers, ``berta`` is no staff. The form is what a web form
without any interface looks like: a CSRF token and cookie, one file, a list of allowed file types.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import PLACE, NotInstalled, Process, free_port, seeded

SETTINGS = """
from pathlib import Path
BASE = Path(__file__).parent
SECRET_KEY = "tests"
DEBUG, ALLOWED_HOSTS, ROOT_URLCONF = True, ["*"], "urls"
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles", "django.contrib.sites",
    "django.contrib.humanize", "rest_framework", "rest_framework.authtoken", "django_cleanup.apps.CleanupConfig",
    "helpdesk.apps.HelpdeskConfig"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.debug", "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "db.sqlite3",
    "OPTIONS": {"timeout": 20}}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
SITE_ID, USE_TZ, LANGUAGE_CODE = 1, True, "es"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # seconds of a run
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", str(BASE / "media")
LOGIN_URL, LOGIN_REDIRECT_URL = "helpdesk:login", "helpdesk:home"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_PUBLIC_TICKET_QUEUE = "soporte"
HELPDESK_VALID_EXTENSIONS = [".txt", ".asc", ".pdf", ".doc", ".docx", ".odt", ".jpg", ".png", ".eml", ".json",
    ".html", "._escape"]
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication",
    "rest_framework.authentication.SessionAuthentication"]}
"""
URLS = """
from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("", include("helpdesk.urls", namespace="helpdesk"))]
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
"""
SEED = """
import json
from django.contrib.auth import get_user_model
from helpdesk.models import CustomField, Queue
from rest_framework.authtoken.models import Token
tokens = {}
for name, staff in (("admin", True), ("ana", True), ("berta", False)):
    user = get_user_model().objects.create_user(name, f"{name}@example.test", "secret-1234", is_staff=staff,
                                                is_superuser=name == "admin")
    tokens[name] = Token.objects.create(user=user).key
Queue.objects.create(title="Soporte", slug="soporte", allow_public_submission=True)
CustomField.objects.create(name="Centro", label="Centro", data_type="varchar", max_length=50, required=False)
print("TOKENS " + json.dumps(tokens))
"""


@dataclass(frozen=True, slots=True)
class HelpdeskServer:
    """``tokens`` by user: ana reports, admin answers, berta is no staff."""

    url: str
    tokens: dict[str, str]
    process: Process

    def ask(self, method: str, path: str, content: object = None, user: str = "admin") -> Any:
        """One call of an agent's: what it says as JSON, or None."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Token {self.tokens[user]}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/api/{path}", body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            text = reply.read()
        return json.loads(text) if text.strip() else None

    def tickets(self) -> list[dict[str, Any]]:
        """All of them, newest first."""
        found, page = list[dict[str, Any]](), 1
        while True:
            answer = self.ask("GET", f"tickets/?page_size=200&page={page}")
            found += answer["results"]
            if not answer["next"]:
                return found[::-1]
            page += 1

    def empty(self) -> None:
        """As if nobody had ever reported: to list hundreds costs it more than most tests do."""
        with closing(sqlite3.connect(self.process.log.parent / "db.sqlite3", timeout=60)) as held:
            for name in ("followupattachment", "ticketchange", "followup", "ticketcc", "ticketcustomfieldvalue",
                         "ticketdependency", "ticket"):  # fmt: skip
                held.execute(f"DELETE FROM helpdesk_{name}")
            held.commit()

    def stop(self) -> None:
        self.process.stop()


def start_django_helpdesk(folder: Path) -> HelpdeskServer:
    """Raises: NotInstalled."""
    python = PLACE / "venv/bin/python"
    if not next(PLACE.glob("venv/lib/python*/site-packages/helpdesk"), None):
        raise NotInstalled("django-helpdesk")
    seed = seeded("django-helpdesk", _make_seed, SETTINGS, URLS, SEED)
    for name in ("settings.py", "urls.py", "db.sqlite3"):
        shutil.copy(seed / name, folder / name)
    port = free_port()
    command = [python, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"]
    process = Process(command, folder, port, environment=_environment(folder))
    return HelpdeskServer(f"http://127.0.0.1:{port}", json.loads((seed / "tokens.json").read_text("utf-8")), process)


def _environment(folder: Path) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}


def _make_seed(folder: Path) -> None:
    (folder / "settings.py").write_text(SETTINGS, "utf-8")
    (folder / "urls.py").write_text(URLS, "utf-8")
    told = ""
    for step in (["migrate", "-v", "0"], ["shell", "-c", SEED]):
        made = subprocess.run([PLACE / "venv/bin/python", "-m", "django", *step], cwd=folder, text=True,
                              env=_environment(folder), capture_output=True)  # fmt: skip
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
        told = made.stdout
    (folder / "tokens.json").write_text(next(x[7:] for x in told.splitlines() if x.startswith("TOKENS ")), "utf-8")
