"""The report: what the user means, kept safe until the desk has it. No Qt outside ``client.ui``."""
