"""The outside technologies that limits are built on."""
