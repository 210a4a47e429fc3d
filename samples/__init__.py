"""The sample documents that the project ships, and the programs that draw and show them."""
