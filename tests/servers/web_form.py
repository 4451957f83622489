"""A help desk with a web form and nothing else, as small ones have: a token that holds once, a cookie, several files.

It refuses what frameworks refuse: Django 5.2, "How to use Django's CSRF protection": "For HTTPS requests, […] strict
referer checking is done"; "a hidden form field with the name ‘csrfmiddlewaretoken’, present in all outgoing POST
forms". OWASP, "Cross-Site Request Forgery Prevention": a token may hold for one request.
"""

from __future__ import annotations

import secrets
from html import escape
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told
from tests.servers.forms import parts_of

PAGE = """<!doctype html><html lang="es"><title>Soporte</title>
<form action="/buscar"><input name="q"></form>
<form method="post" enctype="multipart/form-data" action="{action}">{complaint}
<input type="hidden" name="token" value="{token}"><input type="hidden" name="canal" value="web">
<label for="a">Asunto *</label><input id="a" name="asunto" maxlength="120" required class="{wrong}">
<label for="d">Descripción</label><textarea id="d" name="detalle" required></textarea>
<label for="m">Correo</label><input id="m" type="email" name="correo" required>
<label for="p">Prioridad</label><select id="p" name="prioridad"><option value="1">Alta</option>
<option value="2" selected>Media</option><option value="3">Baja</option></select>
<label for="t">Tipo</label><select id="t" name="tipo"><option>Incidencia</option>
<option>Solicitud de servicio</option><option value="7">Sugerencias</option></select>
<label for="s">Sede</label><input id="s" name="sede" {sede}>
<input type="checkbox" name="boletin" value="si"><input type="radio" name="via" value="web" checked>
<input type="radio" name="via" value="tel"><input type="text" name="website" style="display:none">
<input type="file" name="archivos" multiple {accept}>{captcha}<button name="enviar" value="1">Enviar</button></form>"""


class WebForm(Cloud):
    """``tickets`` holds what arrived. The attributes are what a test may turn."""

    def __init__(self) -> None:
        self.tickets: list[dict[str, Any]] = []
        self.sessions: dict[str, str] = {}
        self.needs_sede = self.complains = self.has_captcha = False
        self.accept = self.answers = self.flash = self.leads_to = ""
        self.tells_number, self.action, self.thanks = True, "enviar?paso=1", "/soporte/gracias"
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.path == "/soporte/nuevo" and asked.method == "GET":
            if self.leads_to:
                return Told(302, b"", {"Location": self.leads_to})
            flash, self.flash = self.flash, ""
            return self._page(flash)
        if asked.path == "/soporte/error":
            return Told(200, b"<p>Vuelva a intentarlo")
        if asked.path == "/soporte/fin":
            broken = self.answers == "leads to a broken page"
            return Told(500, b"") if broken else Told(200, "<p>Lo sentimos, su sesión ha caducado.".encode())
        if asked.path == "/soporte/entrar":
            return Told(200, b'<form method="post"><input name="u"><input type="password" name="p"></form>')
        if asked.path == "/soporte/enviar" and asked.method == "POST":
            return self._take(asked)
        if asked.path == "/soporte/gracias":
            # cookies go back to where they came from
            assert "sesion=" in asked.headers.get("cookie", "")
            number = f"<p>Su caso nº <b>{asked.query.get('n', '')}</b> fue creado." if asked.query else "Gracias."
            return Told(200, f"<!doctype html><title>Gracias</title>{number}".encode())
        return Told(200, b"<!doctype html><p>Hola") if asked.path == "/soporte" else Told(404, b"nada")

    def _page(self, complaint: str = "", wrong: str = "") -> Told:
        session, token = secrets.token_hex(8), secrets.token_hex(16)
        self.sessions[session] = token
        if self.answers.endswith("a standing notice"):
            complaint = f'<div class="alert-danger">El teléfono no funciona hoy</div>{complaint}'
        page = PAGE.format(action=self.action, token=token,
                           complaint=complaint, wrong=wrong, sede="required" if self.needs_sede else "",
                           accept=f'accept="{self.accept}"' if self.accept else "",
                           captcha='<div class="g-recaptcha"></div>' if self.has_captcha else "")  # fmt: skip
        head = {"Content-Type": "text/html; charset=utf-8", "Set-Cookie": f"sesion={session}; Path=/; HttpOnly"}
        return Told(200, page.encode(), head)

    def _take(self, asked: Asked) -> Told:
        parts = parts_of(asked)
        values = {part.name: part.content.decode() for part in parts if not part.filename}
        cookies = dict(pair.split("=", 1) for pair in asked.headers.get("cookie", "").split("; "))
        if self.sessions.pop(cookies.get("sesion", ""), None) != values.get("token"):
            return Told(403, b"CSRF")
        assert asked.headers["referer"] == f"{asked.base}/soporte/nuevo"
        assert asked.headers["origin"] == asked.base
        # every control is sent as a browser would: what is not ticked is not, the button was not pressed by name
        assert values.keys() == {
            "token",
            "canal",
            "asunto",
            "detalle",
            "correo",
            "prioridad",
            "tipo",
            "sede",
            "via",
            "website",
        }
        assert (values["canal"], values["via"], values["website"]) == ("web", "web", "")
        assert "\n" not in values["detalle"].replace("\r\n", "")
        if self.complains or not values["asunto"] or len(values["asunto"]) > 120:
            return self._page('<div class="invalid-feedback">El asunto <b>no</b> vale</div>', "is-invalid")
        if (
            self.answers == "back with a complaint"
        ):  # as Laravel and Rails do: redirect to the form, words in the session
            self.flash = '<ul class="errorlist"><li>El correo no es de la empresa</li></ul>'
            return Told(302, b"", {"Location": "/soporte/nuevo"})
        if self.answers == "a complaint below a standing notice":
            return self._page('<div class="alert-danger">El correo no vale</div>')
        if self.answers.startswith("leads to"):
            return Told(302, b"", {"Location": f"/soporte/{'error' if self.answers.endswith('an error') else 'fin'}"})
        if self.answers == "a login":
            return Told(302, b"", {"Location": "/soporte/entrar?next=/soporte/nuevo"})
        number = f"2026-{len(self.tickets) + 1:05}"
        files = [(part.filename, part.content) for part in parts if part.filename]
        self.tickets.append({**values, "number": number, "files": files})
        if self.answers in ("thanks above an empty form", "thanks below a standing notice"):
            return self._page(f"<p>Su caso nº <b>{number}</b> fue creado.")
        if self.answers.startswith("an empty form"):
            return self._page()
        if self.answers == "more than anybody reads":
            return Told(200, f"<p>Su caso nº <b>{number}</b> fue creado.".encode() + b"x" * (5 * 1024 * 1024))
        where = f"?n={escape(number)}" if self.tells_number else ""
        return Told(303, b"", {"Location": f"{self.thanks}{where}"})
