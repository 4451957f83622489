"""The video of the screen: frames in, one MP4 out."""
