"""Fair speech emotion recognition without demographic labels: the science of the workflow.

The package knows nothing of Snakemake. Its modules follow the way of the data: corpora, splits,
audio, encoders, methods and training, metrics, statistics, tables; no import runs against it.
"""

__version__ = "0.1.0"
