"""What Qt itself says (its file dialog, its standard buttons, the names of keys) in the language of the program."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

from client import words

KEYS = {
    "es": {
        "Ctrl": "Ctrl", "Shift": "Mayús", "Print": "Impr Pant", "Esc": "Esc", "Return": "Intro", "Enter": "Intro",
        "Del": "Supr", "Delete": "Supr", "Backspace": "Retroceso", "Ins": "Insert", "Tab": "Tab",
    }
}  # fmt: skip
"""As they stand on keyboards and in our own texts; Qt spells them out: Control+Mayúsculas+R, Imprimir pantalla."""


class _Keys(QTranslator):
    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        """None: whoever is asked next knows it."""
        del disambiguation, n
        return KEYS.get(words.language(), {}).get(source) if context == "QShortcut" else None

    def isEmpty(self) -> bool:
        return False


def speak() -> None:
    """From now on in the language of this moment."""
    app = QCoreApplication.instance()
    if app is None:
        return
    for old in app.findChildren(QTranslator):
        app.removeTranslator(old)
        old.deleteLater()
    known = QTranslator(app)
    if known.load(f"qtbase_{words.language()}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(known)
    app.installTranslator(_Keys(app))
