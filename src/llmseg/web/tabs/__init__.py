"""A tab a module: they lay out what the modules of `llmseg.web` compute."""
