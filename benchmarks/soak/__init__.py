"""A soak: every sort of job for as long as wanted, while workers and servers die, and an audit of what came of it."""
