"""The outside technologies that access are built on."""
