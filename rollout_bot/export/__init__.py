"""The committed percentage in the words of what enforces it. One format, one entry in `registry.FORMATS`."""
