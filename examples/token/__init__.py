"""A token: the smallest whole transition."""
