"""What the documentation says of the calls of `logging`, area by area."""
