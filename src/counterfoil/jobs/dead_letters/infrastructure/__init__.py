"""Where dead letters are kept: among the jobs."""
