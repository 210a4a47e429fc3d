"""The model mapper: asks a model about columns that the rules cannot tell, and takes of its answer what can be."""
