"""Redmine 5 on a SQLite file of its own, in Spanish: ``ana`` reports to its projects, ``admin`` answers.

Redmine writes below its own folder whatever it is told, so it runs in a copy of its own. A restart keeps all.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import NotInstalled, Process, find_program, free_port, seeded

PLACE = Path("/usr/share/redmine")
LIMIT_BYTES = 6 * 1024 * 1024
OPTIONS = "default:\n  attachments_storage_path: {files}\n  email_delivery:\n    delivery_method: :test\n"
SEED = """
Setting.rest_api_enabled = 1
Setting.attachment_max_size = "6144"
admin = User.find_by_login("admin"); admin.must_change_passwd = false; admin.save(validate: false)
keys = {"admin" => admin.api_key}
project = Project.create!(name: "Soporte", identifier: "soporte", tracker_ids: Tracker.pluck(:id))
reporter = Role.givable.last
reporter.add_permission!(:add_issues, :view_issues, :add_issue_notes, :edit_own_issues)
%w(ana berta).each do |name|
  user = User.new(firstname: name, lastname: "Test", mail: "#{name}@example.test", language: "es")
  user.login = name; user.password = user.password_confirmation = "secret-1234"; user.save!
  Member.new(project: project, principal: user, role_ids: [reporter.id]).save!
  keys[name] = user.api_key
end
field = IssueCustomField.new(name: "Centro", field_format: "string", is_for_all: true, is_required: false)
field.tracker_ids = Tracker.pluck(:id); field.save!
strict = Project.create!(name: "Estricto", identifier: "estricto", tracker_ids: Tracker.pluck(:id))
Member.new(project: strict, principal: User.find_by_login("ana"), role_ids: [reporter.id]).save!
need = IssueCustomField.new(name: "Activo", field_format: "string", is_for_all: false, is_required: true)
need.tracker_ids = Tracker.pluck(:id); need.project_ids = [strict.id]; need.save!
puts "KEYS " + keys.to_json
"""


@dataclass(frozen=True, slots=True)
class RedmineServer:
    """``keys`` by user: ana and berta report, admin answers."""

    url: str
    keys: dict[str, str]
    process: Process

    def ask(self, method: str, path: str, content: object = None, user: str = "admin") -> Any:
        """One call of an agent's: what it says as JSON, or None."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"X-Redmine-API-Key": self.keys[user], "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/{path}", body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            text = reply.read()
        return json.loads(text) if text.strip() else None

    def read(self, url: str, user: str = "admin") -> bytes:
        asked = urllib.request.Request(url, headers={"X-Redmine-API-Key": self.keys[user]})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return bytes(reply.read())

    def empty(self) -> None:
        """As if nobody had ever reported: to list hundreds costs it more than most tests do."""
        with closing(sqlite3.connect(self.process.log.parent / "rm.db", timeout=60)) as held:
            for rows in ("issues", "journals", "journal_details", "attachments WHERE container_type = 'Issue'",
                         "custom_values WHERE customized_type = 'Issue'"):  # fmt: skip
                held.execute(f"DELETE FROM {rows}")
            held.commit()

    def file(self, count: int, author: str = "ana") -> list[str]:
        """So many issues of the last hours, as they lie in its tables: their numbers, oldest first."""
        with closing(sqlite3.connect(self.process.log.parent / "rm.db", timeout=60)) as held:
            columns = [row[1] for row in held.execute("PRAGMA table_info(issues)") if row[1] not in ("id", "root_id")]
            begun = held.execute("SELECT max(id) FROM issues").fetchone()[0]
            user = held.execute("SELECT id FROM users WHERE login = ?", (author,)).fetchone()[0]
            made, names = range(begun + 1, begun + 1 + count), ", ".join(columns)
            own = {"author_id": str(user), "subject": "'Caso'", "description": "'x'"}
            values = ", ".join(own.get(name, name) for name in columns)
            copy = f"INSERT INTO issues (id, root_id, {names}) SELECT ?, ?, {values} FROM issues WHERE id = ?"
            held.executemany(copy, [(number, number, begun) for number in made])
            times = [(f"-{3600 + begun + count - number} seconds", number) for number in made]
            held.executemany("UPDATE issues SET updated_on = datetime('now', ?) WHERE id = ?", times)
            held.commit()
        return [str(number) for number in made]

    def restart(self, *, kill: bool = False) -> None:
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()


def start_redmine(folder: Path) -> RedmineServer:
    """Raises: NotInstalled."""
    if not (PLACE / "config.ru").exists():
        raise NotInstalled("redmine")
    puma, port, place = find_program("puma"), free_port(), folder / "redmine"
    seed = seeded("redmine", _make_seed, SEED)
    shutil.copy(seed / "rm.db", folder / "rm.db")
    _lay_out(place)
    command = [puma, "-e", "production", "-b", f"tcp://127.0.0.1:{port}", "-t", "1:4", "--dir", place, "config.ru"]
    process = Process(command, folder, port, environment=_environment(folder), working_folder=place)
    return RedmineServer(f"http://127.0.0.1:{port}", json.loads((seed / "keys.json").read_text("utf-8")), process)


def _lay_out(place: Path) -> None:
    shutil.copytree(PLACE, place, symlinks=True, ignore=shutil.ignore_patterns("public"))
    (place / "public").symlink_to(PLACE / "public")
    for name in ("tmp", "files", "log"):
        (place / name).mkdir(exist_ok=True)
    (place / "config/configuration.yml").write_text(OPTIONS.format(files=place / "files"), "utf-8")


def _environment(folder: Path) -> dict[str, str]:
    return {
        "RAILS_ENV": "production", "DATABASE_URL": f"sqlite3:{folder}/rm.db", "REDMINE_LANG": "es",
        "SCHEMA": str(folder / "schema.rb"), "X_DEBIAN_SITEID": "default", "SECRET_KEY_BASE": "0" * 64,
    }  # fmt: skip


def _make_seed(folder: Path) -> None:
    place, told = folder / "redmine", ""
    _lay_out(place)
    (folder / "seed.rb").write_text(SEED, "utf-8")
    environment = {**os.environ, **_environment(folder)}
    for step in (["bin/rake", "db:migrate"], ["bin/rake", "redmine:load_default_data"],
                 ["bin/rails", "runner", str(folder / "seed.rb")]):  # fmt: skip
        made = subprocess.run(["ruby", *step], cwd=place, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)  # fmt: skip
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
        told = made.stdout
    (folder / "keys.json").write_text(next(line[5:] for line in told.splitlines() if line.startswith("KEYS ")), "utf-8")
    shutil.rmtree(place)
