"""What must be true of a ticket that arrived: pixels, hashes, the hidden number, the link, the film."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.journeys.stage import Trouble

if TYPE_CHECKING:
    from tests.journeys.demo import Journey

CARD = "4539 1488 0343 6467"
ALIKE = 0.85
"""A normalised correlation above this means that the digits can be read there."""


def require(truth: object, words: str) -> None:
    if not truth:
        raise Trouble(words)


def check_everything(journey: Journey, ticket: Path) -> str:
    """All of it; gives the link of the large file. Raises: Trouble naming what is not true."""
    stored = json.loads((ticket / "ticket.json").read_text("utf-8"))
    check_words(stored)
    link = check_files(journey, ticket, stored)
    report = next((journey.home / "data" / "sent").iterdir())
    picture = check_pixels(journey, ticket, report)
    check_film(ticket, stored, picture)
    check_hidden(journey, ticket, picture)
    print("  checked: words, files and hashes, link, pixels, film, the hidden number")
    return link


def check_words(stored: dict[str, Any]) -> None:
    from tests.journeys.demo import DETAILS, SUBJECT

    require(stored["subject"] == SUBJECT, f"the subject is {stored['subject']!r}")
    require(stored["description"] == DETAILS, f"the description is {stored['description']!r}")
    require((stored["kind"], stored["priority"]) == ("incident", "high"), "kind or priority is another")
    require(len([s for s in stored["sections"] if s["text"]]) >= 10, "there are few diagnostics")


def check_files(journey: Journey, ticket: Path, stored: dict[str, Any]) -> str:
    """Every file arrived with its hash, and the large one lies behind its link."""
    link = ""
    for file in stored["attachments"]:
        path = ticket / file["path"] if file["path"] else Path(unquote(urlsplit(file["url"]).path))
        content = path.read_bytes()
        require(hashlib.sha256(content).hexdigest() == file["sha256"], f"{file['name']} arrived changed")
        require(len(content) == file["size_bytes"], f"{file['name']} arrived cut")
        if file["via"] == "link":
            link = file["url"]
            require(content == journey.big.read_bytes(), "the large file is not the one that was attached")
    require(link, "no file went behind a link")
    require(len(stored["attachments"]) == 3, "there are not three attachments")
    return link


def check_pixels(journey: Journey, ticket: Path, report: Path) -> Any:
    """The base is what another program saw on the screen; what left differs from it only by the marks."""
    import cv2

    (kept,) = (report / "pictures").iterdir()
    base = cv2.imread(str(kept / "base.png"))
    sent = cv2.imread(str(ticket / kept.name))
    last = json.loads((journey.home / "data" / "state.json").read_text())["last_region"]
    require(base is not None and sent is not None, "the picture cannot be read")
    assert base is not None
    assert sent is not None
    height, width = base.shape[:2]
    found = cv2.matchTemplate(journey.seen, base, cv2.TM_SQDIFF)
    _, _, (x, y), _ = cv2.minMaxLoc(found)
    require((journey.seen[y : y + height, x : x + width] == base).all(), "the capture differs from the screen")
    require(last["rect"][2] > 100, "the last region was not remembered")
    content = (ticket / kept.name).read_bytes()
    require(content.endswith(b"IEND\xaeB`\x82"), "there are bytes behind the picture's end")
    changed = (base != sent).any(axis=2)
    share = changed.mean()
    require(0.002 < share < 0.2, f"the marks changed {share:.1%} of the picture")
    cx, cy, cw, ch = journey.card[0] - x, journey.card[1] - y, journey.card[2], journey.card[3]
    hidden = sent[cy + 3 : cy + ch - 3, cx + 3 : cx + cw - 3]
    require((hidden == hidden[0, 0]).all(), "the hidden region is not one colour")
    require(hidden.max() < 64, "the hidden region is not dark")
    return base[cy : cy + ch, cx : cx + cw]


def check_film(ticket: Path, stored: dict[str, Any], digits: Any) -> None:
    """It has the asked length, plays, and shows no digit of the card."""
    import av
    import cv2

    (film,) = (f for f in stored["attachments"] if f["media_type"] == "video/mp4")
    with av.open(str(ticket / film["path"])) as container:
        stream = container.streams.video[0]
        require(stream.codec_context.name == "h264", "the film is no H.264")
        seconds = float(container.duration or 0) / 1_000_000
        require(5.0 <= seconds <= 8.5, f"the film is {seconds:.1f} s long")
        frames = 0
        for frame in container.decode(stream):
            frames += 1
            picture = frame.to_ndarray(format="bgr24")
            if picture.shape[0] >= digits.shape[0] and picture.shape[1] >= digits.shape[1]:
                best = cv2.matchTemplate(picture, digits, cv2.TM_CCOEFF_NORMED).max()
                require(best < ALIKE, "the card's number is in the film")
    require(frames >= 5, "the film has no frames")


def check_hidden(journey: Journey, ticket: Path, digits: Any) -> None:
    """The number is in no byte that left: not as text, not as pixels, and no base or marks went along."""
    import cv2

    require(digits.std() > 10, "the card's number was not where it was looked for")
    forms = [CARD, CARD.replace(" ", ""), CARD.replace(" ", "-")]
    needles = [form.encode(code) for form in forms for code in ("utf-8", "utf-16-le", "utf-16-be")]
    for path in ticket.parent.rglob("*"):
        if not path.is_file():
            continue
        require(path.name not in ("base.png", "marks.json"), f"{path.name} left the machine")
        content = path.read_bytes()
        require(not any(needle in content for needle in needles), f"the card's number is in {path.name}")
        if path.suffix == ".png":
            picture = cv2.imread(str(path))
            best = cv2.matchTemplate(picture, digits, cv2.TM_CCOEFF_NORMED).max()
            require(best < ALIKE, f"the card's number can be read in {path.name}")
