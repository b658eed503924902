"""Sound files, waveforms, and batches of them."""
