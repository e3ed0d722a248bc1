"""How channels do: rules that relays and control share."""
