"""What a corpus holds and what is wrong with it, told before anything runs."""
