"""Training of one cell of the grid."""
