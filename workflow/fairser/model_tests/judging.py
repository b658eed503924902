"""From the answers of a model to the results of all tests."""

from dataclasses import replace

from fairser.core.errors import InputError, nearest
from fairser.core.words import joined
from fairser.model_tests.base import CLEAN, DIMENSIONS, FAMILIES, Answers, Corpus
from fairser.model_tests.correctness import answered, class_tests
from fairser.model_tests.dimensions import dimension_tests
from fairser.model_tests.fairness import fairness_tests
from fairser.model_tests.material import JudgeOptions, Material
from fairser.model_tests.outcomes import TestResult
from fairser.model_tests.problems import problems
from fairser.model_tests.reference import constant_answers, random_answers
from fairser.model_tests.robustness import robustness_tests


def judge(corpus: Corpus, answers: Answers, options: JudgeOptions) -> list[TestResult]:
    """The results of all tests of a model, with the values of the random and the constant model.

    Raises:
        InputError: answers that do not fit the corpus, or an unknown family or attribute.
    """
    for family in options.families:
        if family not in FAMILIES:
            raise InputError(
                f"There is no family of tests '{family}'.{nearest(family, list(FAMILIES))} The "
                f"families are: {joined(FAMILIES)}."
            )
    results = _judge(corpus, answers, options)
    plain = replace(options, resamples=0, repetitions=0)
    references = (
        {result.id: result.value for result in _judge(corpus, reference, plain)}
        for reference in (
            random_answers(corpus, answers, options.seed),
            constant_answers(corpus, answers),
        )
    )
    random, constant = references
    return [
        replace(result, random=random.get(result.id), constant=constant.get(result.id))
        for result in results
    ]


def _judge(corpus: Corpus, answers: Answers, options: JudgeOptions) -> list[TestResult]:
    material = Material(corpus, answers, options)
    results = []
    if "correctness" in options.families:
        results.append(answered(material))
        if corpus.task == DIMENSIONS:
            for d in range(len(corpus.outputs)):
                results += dimension_tests(material, d)
        else:
            results += class_tests(material, problems(material, CLEAN)[0])
    if "fairness" in options.families:
        results += fairness_tests(material)
    if "robustness" in options.families:
        results += robustness_tests(material)
    return results
