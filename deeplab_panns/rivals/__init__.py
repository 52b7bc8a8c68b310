"""Published rivals of the prior, as small as they can be: what they add to the model that trains."""
