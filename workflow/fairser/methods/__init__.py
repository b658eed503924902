"""Training methods, one module each: ``fairser.methods.erm`` holds the method ``erm``."""
