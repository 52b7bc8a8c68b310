"""The method: losses, prior, dual variables, pseudo-labels, and the model that trains by them."""
