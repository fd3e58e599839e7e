"""YAML and JSON Schema to the models of the core, with every problem in its place, and back."""
