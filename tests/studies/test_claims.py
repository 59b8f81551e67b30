"""The studies of the papers' claims: what is compared is there, and what is said to cost the same does."""

import pandas as pd
import pytest

from tests.studies.test_check import plan
from tests.studies.test_check import trainer_of
from tf_stugan import configuration
from tf_stugan import gin_files

CLAIMS = ('claim_1', 'claim_1_sparser', 'claim_1_denser', 'claim_2', 'claim_3', 'claim_4_balance', 'claim_4', 'claim_5')


def make_study(name):
  configuration.load([gin_files.find(f'studies/{name}.gin')])
  return configuration.make_study()


def plan_claim(name):
  made = plan(f'studies/{name}.gin', 'runs/noise.gin', gin_param=['RandomImages.num_images = 64'])
  return made, {run.row: run for run in made.runs}


def test_every_row_that_a_claim_compares_is_in_one_study():
  rows = [row for name in CLAIMS for row in make_study(name).rows]
  assert len(set(rows)) == len(rows)
  for name in CLAIMS:
    study = make_study(name)
    assert {row for pairs in study.comparisons.values() for pair in pairs for row in pair} <= set(rows)
    assert study.by_row and len(study.seeds) >= (2 if 'balance' in name else 3)


def test_densities_that_count_together_have_seeds_of_their_own():
  """With one seed they would share initial weights, data and, nested, masks: nine differences would be worth three."""
  seeds = [seed for name in CLAIMS[:3] for seed in make_study(name).seeds]
  assert len(set(seeds)) == len(seeds) == 9
  assert not {1, 2} & set(seeds)  # of the exploration study, which the question comes from
  assert make_study('claim_2').seeds == make_study('claim_3').seeds == make_study('claim_1').seeds  # of stugan_0.1


@pytest.mark.slow
def test_adapt_strict_decides_half_as_often_and_averages_hold_statistics(tmp_path):
  for name, rows in (('claim_4', {'adapt_relaxed': 250, 'adapt_strict': 500}), ('claim_4_balance', {'long_strong': None})):
    made, runs = plan_claim(name)
    for row, interval in rows.items():
      trainer = trainer_of(runs[row], made, tmp_path)
      assert trainer.averages['generator'].average_buffers
      assert list(trainer.methods['discriminator'].update_steps())[:2] == ([interval, 2 * interval] if interval else [])


@pytest.mark.slow
def test_equal_cost_is_equal_cost():
  _, made = plan_claim('claim_2')
  reference, long = (
      plan_claim(name)[1][row].training for name, row in (('claim_1', 'stugan_0.1'), ('claim_3', 'stugan_long')))
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
  assert list(plan_claim(name)[1]) == list(make_study(name).rows)


@pytest.mark.slow
@pytest.mark.parametrize('name, methods', [
    ('stugan_table_1', {'dense': 2, 'static': 4, 'STU-GAN': 4, 'both explore': 4, 'prune and fine-tune': 4}),
    ('stugan_table_3', {'STU-GAN': 2, 'both explore': 2}),
    ('stugan_table_4', {'dense': 1, 'small dense': 1, 'STU-GAN': 1}),
    ('adapt_table_1', {'dense': 4, 'static': 8, 'SDST-SET': 8, 'SDST-RigL': 8, 'ADAPT relaxed': 4}),
    ('adapt_table_2', {'static': 4, 'SDST-SET': 4, 'SDST-RigL': 4, 'ADAPT strict': 4})])
def test_a_published_table_at_one_density(name, methods):
  made = plan(f'studies/{name}.gin', 'runs/noise.gin', gin_param=['RandomImages.num_images = 2048'],
              axis=[('GENERATOR_DENSITY', [0.1])])
  assert pd.Series([run.method for run in made.runs]).value_counts().to_dict() == methods
  assert all(run.num_steps >= 50_048 and run.computed > 1e17 and run.disk > 5e7 for run in made.runs)
  if name == 'stugan_table_3':
    assert {run.num_steps for run in made.runs} == {5 * 50_048, 5 * 125_000}
