"""The outside technologies that schedules are built on."""
