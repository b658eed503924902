"""Rule cluster_stability: silhouette, stability and sizes of the groups of a fold, by K."""

from fairser.cluster_stability import measure
from fairser.corpora.clips import ClipTable
from fairser.encoders.store import open_store
from fairser.files import write_json
from fairser.jobs import job

with job(snakemake.log[0]):
    given, settings = snakemake.input, snakemake.params
    table = ClipTable.read(given.split)
    store = open_store(given.features, given.clips)
    found = measure(table, store, settings.ks, settings.standardise, **settings.draws)
    write_json(snakemake.output[0], {"fold": int(snakemake.wildcards.fold), **found})
