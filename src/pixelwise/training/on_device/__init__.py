"""Batches for a GPU: the data set is stored and augmented in its memory, or batches are prefetched from the host."""
