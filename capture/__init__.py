"""The screen: pixels, keys, video. Knows nothing of tickets, and nothing of Qt.

Importing this door is cheap: numpy, mss, cv2 and av are loaded by the call that needs them.
"""

from capture.desktop import Desktop, open_desktop
from capture.errors import CaptureError, KeyTaken, NoDisplay, NoSuchKey
from capture.image import Abilities, Cursor, Monitor, Recording, Region, Screenshot, Window

__all__ = [
    "Abilities",
    "CaptureError",
    "Cursor",
    "Desktop",
    "KeyTaken",
    "Monitor",
    "NoDisplay",
    "NoSuchKey",
    "Recording",
    "Region",
    "Screenshot",
    "Window",
    "open_desktop",
]
