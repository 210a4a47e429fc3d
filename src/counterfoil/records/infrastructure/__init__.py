"""The outside technologies that records are built on."""
