"""The studies of the papers' claims: what is compared is there, and what is said to cost the same does."""

import pandas as pd
import pytest

from tests.studies.test_check import plan
from tf_stugan import configuration
from tf_stugan import gin_files

CLAIMS = ('claim_1', 'claim_2', 'claim_3', 'claim_4_balance', 'claim_4', 'claim_5')


def make_study(name):
  configuration.load([gin_files.find(f'studies/{name}.gin')])
  return configuration.make_study()


def plan_claim(name):
  return {run.name.removesuffix('_s1'): run for run in plan(
      f'studies/{name}.gin', 'runs/noise.gin', gin_param=['RandomImages.num_images = 64']).runs}


def test_every_row_that_a_claim_compares_is_in_one_study():
  rows = [row for name in CLAIMS for row in make_study(name).rows]
  assert len(set(rows)) == len(rows)
  for name in CLAIMS:
    study = make_study(name)
    assert {row for pairs in study.comparisons.values() for pair in pairs for row in pair} <= set(rows)
    assert study.by_row and len(study.seeds) >= (2 if 'balance' in name else 3)


@pytest.mark.slow
def test_equal_cost_is_equal_cost():
  made = plan_claim('claim_2')
  reference, long = plan_claim('claim_1')['stugan_0.1'].training, plan_claim('claim_3')['stugan_long'].training
  assert long == pytest.approx(5 * reference)
  measured = pd.read_csv(gin_files.config_root().parent / 'docs/results/methods/report.csv')
  steps = measured[measured['method'] == 'SNIP']  # one ranking over all layers: only a run tells what it costs
  costs = {name: run.training for name, run in made.items()} | {
      'snip': made['snip'].num_steps * (steps['training FLOPs'] / steps['step']).mean()}
  for name, cost in costs.items():
    assert cost == pytest.approx(long if name.endswith('_long') else reference, rel=0.02), name
  assert all(run.training < run.dense_training for name, run in made.items() if name != 'dense_short')


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(set(CLAIMS) - {'claim_2'}))
def test_every_claim_can_be_trained(name):
  assert list(plan_claim(name)) == list(make_study(name).rows)
