"""The layout reader: fields found by where words stand on the paper and what the words beside them mean."""
