"""Rule probabilities: gender probabilities of every clip, from a store to a csv."""

from fairser.encoders.store import open_store
from fairser.files import complete
from fairser.groups import store_probabilities
from fairser.jobs import job

with job(snakemake.log[0]):
    store = open_store(snakemake.input.features, snakemake.input.clips)
    with complete(snakemake.output[0]) as path:
        store_probabilities(store).write_csv(path)
