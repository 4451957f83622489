"""The face. Qt; no HTTP, no decisions."""
