"""Recording: the screen as a video that plays in any browser, and survives a crash."""

from capture.video.camera import RecordingCut, RecordingState
from capture.video.recorder import Recorder, orphans, salvage

__all__ = ["Recorder", "RecordingCut", "RecordingState", "orphans", "salvage"]
