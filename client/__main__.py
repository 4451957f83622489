"""``python -m client`` and the command ``testigo``."""

from __future__ import annotations

import sys


def main() -> int:
    if sys.argv[1:2] == ["--capture-child"]:  # how a frozen bundle runs the recorder's own process
        from capture.video.child import main as record

        return record()
    from client.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
