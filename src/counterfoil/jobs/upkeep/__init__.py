"""The engine's own duties, which every process offers to do; not jobs, so they cannot get stuck in the queue."""
