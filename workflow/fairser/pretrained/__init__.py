"""Pre-trained models: download, records, pinned revisions, devices."""
