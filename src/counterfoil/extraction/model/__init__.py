"""The reader that asks an AI model: what it is asked, what its answer is worth, what it costs."""
