"""The outside technologies that extraction are built on."""
