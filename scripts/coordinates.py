"""Rule coordinates: train clips of a fold in the plane by t-SNE of their speaker embeddings."""

from fairser.corpora.clips import ClipTable
from fairser.encoders.store import open_store
from fairser.files import complete
from fairser.jobs import job
from fairser.tsne import coordinates

with job(snakemake.log[0]):
    given = snakemake.input
    store = open_store(given.features, given.clips)
    points = coordinates(ClipTable.read(given.split), store, snakemake.params.standardise)
    with complete(snakemake.output[0]) as path:
        points.write_parquet(path)
