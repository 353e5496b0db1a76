"""Training: options, planning, recipe, the loop, the run directory and its report."""
