"""Scores of a second classifier stand under names of their own, and are never mixed with those of the first."""

import json

import pandas as pd
import pytest

from tests.test_cli import call
from tests.test_pack import make_run
from tf_stugan.data import random_images
from tf_stugan.metrics.features import Classifier
from tf_stugan.metrics.strided_classifier import StridedClassifier


@pytest.mark.slow
def test_it_is_another_network_that_is_kept_beside_the_first(tmp_path):
  data = random_images.RandomImages(16).load()
  kinds = Classifier, StridedClassifier, StridedClassifier
  first, second, again = (kind(width=4, steps=2, batch_size=8) for kind in kinds)
  for extractor in (first, second, again):
    extractor.prepare(data, tmp_path)
  assert sorted(path.name.rpartition('-')[0] for path in tmp_path.iterdir()) == ['classifier', 'strided_classifier']
  assert again.description == second.description != first.description and second.identity != first.identity
  assert second.description.startswith('strided classifier ')
  features, logits = second(data.images)
  assert features.shape == (16, 16) and logits.shape == (16, 10) and features.std() > 0
  names = [{extractor.score_name(name) for name in ('fid', 'is', 'kid', 'recall')} for extractor in (first, second)]
  assert not names[0] & names[1]


@pytest.mark.slow
def test_a_run_is_scored_again(tmp_path, capsys):
  make_run(tmp_path / 'run', 'quickstart.gin', 'runs/tiny.gin', 'runs/noise.gin')
  code, out, err = call(capsys, 'evaluate', f'--workdir={tmp_path}/run', f'--cache_dir={tmp_path}/cache',
                        '--gin_file=metrics/second_classifier.gin', '--gin_param=StridedClassifier.steps = 2',
                        '--gin_param=StridedClassifier.width = 4')
  assert code == 0, err
  scores = json.loads(out)
  assert {'strided_fcd', 'strided_cs', 'strided_kcd'} < set(scores) and not {'fid', 'fcd'} & set(scores)
  assert (scores['better']['strided_fcd'], scores['protocol']['generated_images']) == ('lower', 16)  # the run's own number
  for flags, column in (((), 'FCD'), (('--features=strided',), 'STRIDED_FCD')):
    code, _, err = call(capsys, 'report', f'--workdirs={tmp_path}/run', f'--output={tmp_path}/{column}', *flags)
    assert code == 0, err
    table = pd.read_csv(tmp_path / column / 'report.csv')
    assert {name for name in table if name.endswith('FCD')} == {column, f'best {column}'}
