"""Objects: what they are, which of two images' objects are the same."""
