"""Gender probabilities from stored features, where there is no audio for a gender model."""

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from fairser.corpora.clips import ClipTable
    from fairser.extraction.store import FeatureStore


def genders_of_features(table: "ClipTable", store: "FeatureStore") -> pl.DataFrame:
    """Columns clip and p_female, by logistic regressions fitted to other speakers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    clips = table.clips()
    values = store.read(store.rows(clips["clip"])).reshape(clips.height, -1)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    female = cross_val_predict(
        *(model, values, clips["gender"].to_numpy()),
        groups=clips["speaker"].to_numpy(),
        cv=GroupKFold(5),
        method="predict_proba",
    )[:, 0]
    return clips.select("clip").with_columns(p_female=pl.Series(female))
