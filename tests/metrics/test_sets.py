"""Metrics that compare two sets of features sample by sample, against formulas written out pair by pair, and known cases."""

import functools
import tracemalloc

import numpy as np
import pytest
from sklearn import cluster
from sklearn import metrics as sklearn_metrics

from tests.metrics.test_scores import Flat
from tf_stugan.metrics import density_coverage
from tf_stugan.metrics import features as features_lib
from tf_stugan.metrics import neighbours
from tf_stugan.metrics import prd
from tf_stugan.metrics import precision_recall
from tf_stugan.metrics import random_network
from tf_stugan.metrics import samples

METRICS = (functools.partial(prd.prd, runs=1), precision_recall.precision_recall, density_coverage.density_coverage)


class Given(Flat, features_lib.Inception):
  """Hands features through, under the names of Inception."""

  names = features_lib.Inception.names

  def __init__(self):
    pass


def given(features, extractor=None):
  return samples.EvalSamples(extractor or Given(), len(features), None, None, np.asarray(features, np.float32), None)


@pytest.fixture(scope='module')
def sets():
  generator = np.random.default_rng(0)
  real, fake = generator.normal(size=[120, 6]), 0.8 * generator.normal(size=[90, 6]) + 0.3
  return real.astype(np.float32), fake.astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
  monkeypatch.setattr(neighbours, '_AT_A_TIME', 7 * 120 + 1)


def distance(a, b):
  return np.sqrt(((a.astype(np.float64) - b.astype(np.float64))**2).sum())


def radius(of, within, k):
  return sorted(distance(of, other) for other in within)[k]  # the nearest one is itself


def test_precision_and_recall_are_those_counted_pair_by_pair(sets, small_blocks):
  del small_blocks
  real, fake = sets
  expected = {}
  for name, centres, judged in (('precision', real, fake), ('recall', fake, real)):
    radii = [radius(centre, centres, 3) for centre in centres]
    inside = [any(distance(x, c) <= r for c, r in zip(centres, radii, strict=True)) for x in judged]
    expected[f'inception_{name}'] = np.mean(inside)
  scores = precision_recall.precision_recall(given(real), given(fake))
  assert scores == pytest.approx(expected, abs=1e-6)
  assert 0.1 < scores['inception_precision'] < 1 and 0.1 < scores['inception_recall'] < 1


def test_density_and_coverage_are_those_counted_pair_by_pair(sets, small_blocks):
  del small_blocks
  real, fake = sets
  radii = [radius(centre, real, 5) for centre in real]
  inside = np.array([[distance(x, y) < r for y in fake] for x, r in zip(real, radii, strict=True)])
  nearest = np.array([min(distance(x, y) for y in fake) for x in real])
  scores = density_coverage.density_coverage(given(real), given(fake))
  assert scores['inception_density'] == pytest.approx(inside.sum() / (5 * len(fake)), abs=1e-6)
  assert scores['inception_coverage'] == pytest.approx((nearest < radii).mean(), abs=1e-6)


def test_the_radius_reaches_up_to_the_neighbour_and_density_and_coverage_leave_it_out():
  real = np.array([[0.], [1.], [3.], [100.]])
  assert np.sqrt(neighbours.squared_radii(real, 2)) == pytest.approx([3, 2, 3, 99])
  fake = np.array([[-3.], [102.]])  # -3 lies just on the border of the ball around 0
  assert density_coverage.density_and_coverage_of(real, fake, 2) == (1 / 4, 1 / 4)
  assert precision_recall.shares_within(real, np.array([[-3.], [300.], [600.]]), 2)[0] == 1 / 3


def test_equal_features_are_at_no_distance_however_far_from_the_origin():
  x = (np.random.default_rng(1).normal(size=[5, 2048]) + 300).astype(np.float32)
  repeated = np.repeat(x, 4, axis=0)
  assert not neighbours.squared_radii(repeated, 3).any()
  assert precision_recall.shares_within(repeated, x[:4], 3)[0] == 1  # each is within a ball of radius 0
  (_, squared), = neighbours.squared_distances(x, x)
  np.testing.assert_allclose(squared, [[distance(a, b)**2 for b in x] for a in x], rtol=1e-9)


def test_one_distribution_has_density_and_coverage_near_one():
  """As in the authors' example (density 1.06, coverage 0.97), with fewer images."""
  x, y = np.random.default_rng(2).normal(size=[2, 1500, 64])
  density, coverage = density_coverage.density_and_coverage_of(x, y, 5)
  assert density == pytest.approx(1.05, abs=0.1) and coverage == pytest.approx(0.97, abs=0.02)


def test_blocks_bound_the_memory(monkeypatch):
  monkeypatch.setattr(neighbours, '_AT_A_TIME', 2**17)
  x = np.random.default_rng(3).normal(size=[2000, 4]).astype(np.float32)
  tracemalloc.start()
  density_coverage.density_and_coverage_of(x, x, 5)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 2000 * 2000 * 8 / 4  # all distances at once


def reference_curve(p, q):
  """Point by point, as section 3 has it: for each slope, what both have in common."""
  points = []
  for angle in np.linspace(1e-10, np.pi / 2 - 1e-10, 1001):
    slope = np.tan(angle)
    precision = sum(min(slope * a, b) for a, b in zip(p, q, strict=True))
    points.append((min(precision, 1), min(precision / slope, 1)))
  return np.array(points).T


def reference_f(points, beta):
  return max((1 + beta**2) * a * b / (beta**2 * a + b + 1e-10) for a, b in points.T)


def test_prd_is_that_of_the_formula_on_the_same_clusterings(sets):
  real, fake = sets
  real = real[:len(fake)]
  curves = []
  for seed in range(2):
    clusters = cluster.MiniBatchKMeans(7, n_init=10, random_state=seed).fit(np.concatenate([real, fake])).labels_
    p, q = ([np.mean(part == c) for c in range(7)] for part in np.split(clusters, 2))
    curves.append(reference_curve(p, q))
  mean = np.mean(curves, axis=0)
  scores = prd.prd(given(sets[0]), given(fake), num_clusters=7, runs=2)
  assert scores['prd_f8'] == pytest.approx(reference_f(mean, 8), abs=1e-6)
  assert scores['prd_f1_8'] == pytest.approx(reference_f(mean, 1 / 8), abs=1e-6)
  assert scores['prd_f8'] != scores['prd_f1_8']
  points = scores['prd_f8'].curve.points
  np.testing.assert_allclose([points['precision'], points['recall']], mean[:, ::10], atol=1e-6)


def test_prd_of_known_distributions():
  p, q = np.array([0.5, 0.5, 0]), np.array([1.0, 0, 0])  # half of the modes, and nothing else
  precisions, recalls = prd.curve(p, q)
  assert precisions.max() == pytest.approx(1) and recalls.max() == pytest.approx(0.5)
  assert prd.f_score(precisions, recalls, 8) < 0.52 and prd.f_score(precisions, recalls, 1 / 8) > 0.98
  precisions, recalls = prd.curve(q, p)  # all of it, and as much beside it
  assert prd.f_score(precisions, recalls, 8) > 0.98 and prd.f_score(precisions, recalls, 1 / 8) < 0.52
  assert prd.f_score(*prd.curve(p, p), 8) == pytest.approx(1, abs=1e-6)
  assert prd.f_score(*prd.curve(p, np.array([0, 0, 1.0])), 8) == 0


def test_prd_takes_as_many_real_images_as_there_are_generated_ones(sets):
  real, fake = sets
  cut = prd.prd(given(real[:len(fake)]), given(fake), runs=2)
  assert prd.prd(given(real), given(fake), runs=2) == cut
  assert cut['prd_f8'].conditions == '20 clusters, 2 clusterings of 90 images a side'


def test_clusters_separate_what_lies_apart():
  generator = np.random.default_rng(4)
  real, fake = generator.normal(size=[2, 200, 3])
  scores = prd.prd(given(real), given(fake + 50), num_clusters=4, runs=1)
  assert scores['prd_f8'] < 1e-6
  labels = cluster.MiniBatchKMeans(2, n_init=10, random_state=0).fit_predict(np.concatenate([real, fake + 50]))
  assert sklearn_metrics.adjusted_rand_score(labels, np.repeat([0, 1], 200)) == 1


def test_a_constant_generator_is_scored_without_a_warning(sets):
  constant = given(np.full([90, 6], 0.1))
  real = given(sets[0])
  scores = {name: score for metric in METRICS for name, score in metric(real, constant).items()}
  assert all(np.isfinite(list(scores.values())))
  assert scores['inception_recall'] == 0 and scores['inception_coverage'] < 1


@pytest.mark.parametrize('real, fake', [(3, 90), (120, 3)])
def test_too_few_images_are_told_in_one_line_each_and_give_no_score(sets, real, fake, caplog):
  few = given(sets[0][:real]), given(sets[1][:fake])
  assert [metric(*few) for metric in METRICS] == [{}] * 3
  assert len(caplog.messages) == 3
  assert '20 clusters needs 20 images of each kind' in caplog.messages[0]
  assert '3 neighbours needs 4 images of each kind' in caplog.messages[1]


@pytest.mark.parametrize('extractor, prefix', [
    (features_lib.Classifier(), 'classifier_'), (random_network.RandomNetwork(), 'random_')])
def test_only_features_of_the_definition_give_scores_its_names(sets, extractor, prefix):
  names = {name for metric in METRICS for name in metric(given(sets[0], extractor), given(sets[1], extractor))}
  assert names == {f'{prefix}{name}' for name in ('prd_f8', 'prd_f1_8', 'precision', 'recall', 'density', 'coverage')}
  names = {name for metric in METRICS for name in metric(given(sets[0]), given(sets[1]))}
  assert {'prd_f8', 'prd_f1_8', 'inception_precision'} < names and 'precision' not in names  # that is VGG-16's
