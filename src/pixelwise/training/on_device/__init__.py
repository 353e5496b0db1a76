"""Batches for a GPU: the data set in its memory, augmented there; else prefetched from the host."""
