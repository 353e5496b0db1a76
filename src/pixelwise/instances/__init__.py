"""Objects of one image: maps, encodings, measurements, and center-offset grouping. Needs numpy and scipy only."""
