"""Agreement of annotators and doubtful gold labels."""
