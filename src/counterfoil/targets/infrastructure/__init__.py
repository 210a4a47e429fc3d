"""The outside technologies that targets are built on."""
