"""The way through n8n: the workflows that are imported there, and the rules that hold for them."""
