"""How long the parts take."""
