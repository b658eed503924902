"""Rule cluster_stability: silhouette, stability and sizes of the groups of a fold, by K."""

from fairser.core.files import write_json
from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import open_store
from fairser.groups.cluster_stability import Draws, measure

with job(snakemake.log[0]):
    given, settings = snakemake.input, snakemake.params
    table = ClipTable.read(given.split)
    store = open_store(given.features, given.clips)
    found = measure(table, store, settings.ks, settings.standardise, Draws(**settings.draws))
    write_json(snakemake.output[0], {"fold": int(snakemake.wildcards.fold), **found})
