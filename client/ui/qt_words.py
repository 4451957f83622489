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


UNKNOWN_TO_QT = {
    "es": {
        "QFileDialog": {"&Look in:": "&Ver en:", "Files of &type:": "&Tipo de archivos:",
                        "Go to the parent directory": "Ir al directorio superior"},
        "QAbstractFileIconProvider": {"Drive": "Unidad", "File": "Archivo", "%1 File": "Archivo %1",
                                      "File Folder": "Carpeta", "Folder": "Carpeta", "Alias": "Alias",
                                      "Shortcut": "Acceso directo", "Unknown": "Desconocido"},
    }
}  # fmt: skip
"""By context: what its own translation lacks."""


class _Ours(QTranslator):
    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        """None: whoever is asked next knows it."""
        del disambiguation, n
        if context == "QShortcut":
            return KEYS.get(words.language(), {}).get(source)
        return UNKNOWN_TO_QT.get(words.language(), {}).get(context, {}).get(source)

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
    app.installTranslator(_Ours(app))
