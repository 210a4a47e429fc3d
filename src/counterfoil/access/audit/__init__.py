"""Who did what to what, when and from where, in a chain that shows if it was rewritten or shortened."""
