"""What a policy says, made from the attributes of its sentences: the fact sheet, and its form in W3C's vocabulary."""
