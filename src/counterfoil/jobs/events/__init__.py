"""What happens to jobs, told to those who watch while it happens."""
