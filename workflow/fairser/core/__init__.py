"""What every job and command needs: errors, files, logs, provenance."""
