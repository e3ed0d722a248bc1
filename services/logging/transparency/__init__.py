"""What the gateway stores of its customers, said in public and read from the live schemas."""
