"""The files handed in: their bytes, what they really are, and their pages."""
