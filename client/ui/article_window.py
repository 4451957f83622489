"""An article of a folder of this machine, to read: it loads nothing from elsewhere."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QFrame, QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import PlainButton
from client.ui.pieces import Divider
from client.words import say
from uploader.inbox import Article

SIZES: dict[int, look.Size] = {1: "title", 2: "large"}
"""Of headings, by their level."""


class ArticleWindow(QWidget):
    """``solved``: it was all that was needed."""

    solved = Signal()

    def __init__(self, article: Article) -> None:
        super().__init__(None)
        self.setWindowTitle(article.title)
        self.text, self.solve = _Page(), PlainButton("check")
        self.text.setAccessibleName(article.title)
        self.text.show_markdown(f"# {article.title}\n\n{article.text}")
        self.solve.setText(say("That solved it"))
        self.solve.clicked.connect(self.solved)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.XL, look.M, look.XL, look.M)
        foot.addStretch()
        foot.addWidget(self.solve)
        page = QHBoxLayout()
        page.setContentsMargins(look.XL, look.XL, look.S, 0)
        page.addWidget(self.text)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(page, 1)
        whole.addWidget(Divider())
        whole.addLayout(foot)
        self.resize(look.sized(520), look.sized(440))
        self.setMinimumSize(look.sized(320), look.sized(240))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


class _Page(QTextBrowser):
    def __init__(self) -> None:
        super().__init__()
        self.setProperty("prose", True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.anchorClicked.connect(_follow)
        self.highlighted.connect(lambda url: self.setToolTip(url.toString()))
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setViewportMargins(0, 0, look.L, 0)

    def show_markdown(self, text: str) -> None:
        """As it was written, in the sizes of every window; HTML in it is shown as text."""
        self.setFont(look.font())
        document = self.document()
        document.setDefaultFont(look.font())
        plain = QTextDocument.MarkdownFeature.MarkdownNoHTML
        document.setMarkdown(text, QTextDocument.MarkdownFeature.MarkdownDialectGitHub | plain)
        cursor, block = QTextCursor(document), document.begin()
        while block.isValid():
            cursor.setPosition(block.position())
            spaced = block.blockFormat()
            spaced.setBottomMargin(look.S if block.textList() is None else look.XS)
            cursor.setBlockFormat(spaced)
            if level := spaced.headingLevel():
                sized = QTextCharFormat()
                sized.setFont(look.font(SIZES.get(level, "body"), strong=True))
                cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
                cursor.setCharFormat(sized)
            block = block.next()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """No picture, no style from elsewhere."""
        return None


def _follow(url: QUrl) -> None:
    if url.scheme() in ("https", "http", "mailto"):
        QDesktopServices.openUrl(url)
