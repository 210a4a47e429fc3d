"""The outside technologies that reviews are built on."""
