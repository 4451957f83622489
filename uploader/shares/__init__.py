"""One file per way to share a large file by a link."""
