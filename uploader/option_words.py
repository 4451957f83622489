"""Which entry of a list on a web page is the one we mean, by the words of six languages; else nobody knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

_PRIORITIES = {
    "urgent": "urgent urgente urgenza critical critica critico critique kritisch dringend sofort emergency emergencia "
    "emergenza blocker bloqueante immediate inmediata inmediato immediata",
    "high": "high alta alto hoch hohe haut haute elevee eleve elevada elevado elevata major mayor wichtig importante",
    "medium": "medium media medio mittel mittlere moyen moyenne normal normale moderate moderada standard estandar",
    "low": "low baja bajo niedrig niedrige gering basse bas faible baixa baixo bassa basso minor menor minima",
}
_KINDS = {
    "incident": "incident incidente incidencia problem problema probleme fault fallo falla fehler storung panne averia "
    "avaria guasto error erro errore erreur bug",
    "petition": "petition request peticion solicitud solicitacao requerimiento pedido anfrage anforderung demande "
    "richiesta requisicao",
    "complaint": "complaint queja queixa beschwerde plainte lamentela",
    "claim": "claim reclamo reclamacion reclamacao reclamation reklamation",
    "suggestion": "suggestion sugerencia sugestao suggerimento vorschlag idea ideia idee propuesta proposta",
}
_VERY = frozenset(["very", "muy", "sehr", "tres", "molto", "muito"])
_NOT = frozenset(["no", "not", "non", "nao", "nicht", "pas", "kein", "keine", "sin"])
_INSTEAD = {"high": ("high", "urgent"), "medium": ("medium",), "low": ("low", "very low")}
"""What stands for ours in a list, the nearest first."""


def priorities_in(options: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Our priorities as values of this list of (value, words); what no words tell is left out."""
    found = dict[str, str]()
    for value, words in options:
        found.setdefault(_level(words), value)
    ways = {ours: [found[near] for near in nearest if near in found] for ours, nearest in _INSTEAD.items()}
    return {ours: values[0] for ours, values in ways.items() if values}


def kinds_in(options: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The same for our kinds."""
    found = dict[str, str]()
    for value, words in options:
        meant = _meant(_words_of(words), _KINDS)
        if len(meant) == 1:
            found.setdefault(meant[0], value)
    return found


def _level(words: str) -> str:
    """Empty where the words tell none, or two that are not near each other."""
    said = _words_of(words)
    meant = _meant(said, _PRIORITIES)
    level = "high" if meant == ["urgent", "high"] else meant[0] if len(meant) == 1 else ""
    if said & _NOT:
        return "low" if level == "urgent" else ""
    return {"low": "very low", "high": "urgent"}.get(level, level) if said & _VERY else level


def _words_of(text: str) -> set[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return set(re.findall(r"[a-z]+", plain))


def _meant(said: set[str], known: Mapping[str, str]) -> list[str]:
    """Plurals count as their singular."""
    said = said | {word.removesuffix("s") for word in said} | {word.removesuffix("es") for word in said}
    return [ours for ours, words in known.items() if said & set(words.split())]
