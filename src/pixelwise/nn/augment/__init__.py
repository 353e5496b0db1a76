"""Augmentation: parameters are drawn once from a key, then applied to each kind of array by its own rule."""
