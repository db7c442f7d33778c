"""A perpetuals exchange, market data for it, and a scenario that plays the one on the other."""
