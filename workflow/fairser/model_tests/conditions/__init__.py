"""The changes of the audio under which a model is asked again: one module for each group."""
