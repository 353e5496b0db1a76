"""Learning from few labels: strokes, features of a frozen encoder, a live head, and what to label next."""
