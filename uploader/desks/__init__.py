"""One file per help desk."""
