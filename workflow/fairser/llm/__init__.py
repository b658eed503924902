"""The second study: gender gaps of a speech LLM in three languages (ERM-MinMaxGAP)."""
