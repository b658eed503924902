"""Rule judge_model: the answers of a model by condition, and the verdicts on it."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.model_tests.jobs import TestSettings, gather_parts
from fairser.model_tests.material import JudgeOptions
from fairser.report.tested import write_test

with job(snakemake.log[0]):
    settings = TestSettings(**snakemake.params.settings)
    source, answers = gather_parts(settings, Path(snakemake.output.failures).parent)
    options = JudgeOptions(attributes=settings.attributes)
    folder = Path(snakemake.output.tests).parent
    write_test(folder, source.corpus, answers, settings.audio, options)
