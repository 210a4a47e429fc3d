"""What a document says, as accepted data, and the rules that make it doubtful."""
