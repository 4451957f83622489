"""ShareX custom uploaders (``.sxcu``): read, explained, evaluated. Files are strangers' words and are treated so.

``definition`` reads a file, ``describe`` says what it does, ``credentials`` takes its secrets out, ``request`` makes
the upload and reads its answer. What ShareX reads is read; the rest is refused with the reason.

Source: https://getsharex.com/docs/custom-uploader (January 2026) and the behaviour of files people have published.
"""
