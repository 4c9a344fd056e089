"""Hand-written layers: the same mathematics as the plain ones, in fewer and larger steps."""
