"""Rule gender_probabilities: gender probabilities of every clip, from a store to a csv."""

from fairser.core.files import complete
from fairser.core.jobs import job
from fairser.extraction.store import open_store
from fairser.groups.probabilities import store_probabilities

with job(snakemake.log[0]):
    store = open_store(snakemake.input.features, snakemake.input.clips)
    with complete(snakemake.output[0]) as path:
        store_probabilities(store).write_csv(path)
