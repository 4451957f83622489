"""``python -m client`` and the command ``testigo``."""

from __future__ import annotations

import sys


def main() -> int:
    from client.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
