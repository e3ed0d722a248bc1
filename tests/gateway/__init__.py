"""A running gateway as its users see it: an operator, clients, and those who count afterwards."""
