"""Dead letters: looking through them, trying them again, clearing them away."""
