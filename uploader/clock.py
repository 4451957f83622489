"""The time as a server has it: a wrong clock here makes every signature wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from uploader.wire import Reply

MOST_WRONG = timedelta(minutes=5)


class ServerClock:
    """Ours, until an answer shows that it is wrong. May be used from any thread."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def heed(self, reply: Reply) -> bool:
        """Takes over the server's time; True when it was needed and the call is worth another try."""
        try:
            ahead = parsedate_to_datetime(reply.headers["date"]) - datetime.now(UTC)
        except (KeyError, ValueError, TypeError):
            return False
        wrong = abs(ahead - self._ahead) > MOST_WRONG
        self._ahead = ahead if wrong else self._ahead
        return wrong
