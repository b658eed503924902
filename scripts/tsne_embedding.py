"""Rule tsne_embedding: train clips of a fold in the plane by t-SNE of their speaker embeddings."""

from fairser.core.files import complete
from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import open_store
from fairser.results.tsne import coordinates

with job(snakemake.log[0]):
    given = snakemake.input
    store = open_store(given.features, given.clips)
    points = coordinates(ClipTable.read(given.split), store, snakemake.params.standardise)
    with complete(snakemake.output[0]) as path:
        points.write_parquet(path)
