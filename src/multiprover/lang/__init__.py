"""Writing a transition: integers, records, maps, the functions that a transition calls."""
