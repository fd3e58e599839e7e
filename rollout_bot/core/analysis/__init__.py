"""How a stage's counts are judged."""
