"""Icons, fonts, translations and the pages of the demonstration."""
