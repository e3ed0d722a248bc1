"""How this relay and the others find the channels, and what that means for choosing."""
