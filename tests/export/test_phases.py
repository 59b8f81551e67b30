import itertools

import numpy as np
import pytest

from tf_stugan.export import phases

RNG = np.random.default_rng(0)


def kernel(density=1.0, inputs=5, outputs=4):
  return RNG.standard_normal([3, 3, inputs, outputs]) * (RNG.random([3, 3, inputs, outputs]) < density)


def shifted(x, offset):
  """result[i, j] = x[(i, j) + offset], zero outside."""
  padded = np.pad(x, [(1, 1), (1, 1), (0, 0)])
  h, w, _ = x.shape
  return padded[1 + offset[0]:1 + offset[0] + h, 1 + offset[1]:1 + offset[1] + w]


def direct(x, weights):
  return sum(shifted(x, (y, x_)) @ weights[1 + y, 1 + x_] for y, x_ in itertools.product((-1, 0, 1), repeat=2))


def apart(x, count):
  return {(a, b): x[a::count, b::count] for a, b in itertools.product(range(count), repeat=2)}


def carry_out(plan, source, weights):
  """What a plan computes, in float64."""
  products = {p: shifted(source[p.source], (0, p.before)) @ weights[1 + p.tap[0], 1 + p.tap[1]] for p in plan.products}
  lanes = {lane: sum(shifted(products[p], (0, columns)) for p, columns in parts) for lane, parts in plan.lanes.items()}
  return {target: sum(shifted(lanes[lane], (rows, 0)) for lane, rows in parts) for target, parts in plan.targets.items()}


@pytest.mark.parametrize('columns_first', [True, False])
@pytest.mark.parametrize('density', [1.0, 0.03])
@pytest.mark.parametrize('count', [1, 2, 4])
def test_a_convolution_in_phases_is_the_convolution(columns_first, density, count):
  weights, x = kernel(density), RNG.standard_normal([8, 12, 5])
  expected = apart(direct(x, weights), count)
  result = carry_out(phases.plan(weights, count, count, columns_first), apart(x, count), weights)
  assert result.keys() == expected.keys()
  for phase in expected:
    np.testing.assert_allclose(result[phase], expected[phase], atol=1e-12)


@pytest.mark.parametrize('columns_first', [True, False])
@pytest.mark.parametrize('count', [1, 2])
def test_upsampling_and_a_convolution(columns_first, count):
  weights, x = kernel(), RNG.standard_normal([4, 6, 5])
  expected = apart(direct(x.repeat(2, axis=0).repeat(2, axis=1), weights), 2 * count)
  result = carry_out(phases.plan(weights, count, 2 * count, columns_first), apart(x, count), weights)
  assert result.keys() == expected.keys()
  for phase in expected:
    np.testing.assert_allclose(result[phase], expected[phase], atol=1e-12)


def test_taps_without_weights_cost_nothing():
  weights = np.zeros([3, 3, 5, 4])
  weights[1, 1, 0, 0] = weights[2, 1, 3, 2] = 1
  plan = phases.cheapest_plan(weights, 2, 2)
  assert {p.tap for p in plan.products} == {(0, 0), (1, 0)}
  # Each weight once for each of the four phases; the tap below is shifted for the two phases below.
  assert (len(plan.products), plan.shifts(), plan.additions()) == (8, (0, 2), 4)


def test_upsampling_shares_products_and_sums():
  late, early = (phases.plan(kernel(), 1, 2, early) for early in (False, True))
  assert (len(late.products), late.shifts(), late.additions()) == (9, (0, 10), 20)
  assert (len(early.products), early.shifts(), early.additions()) == (15, (2, 4), 20)


def test_more_phases_are_shifted_less():
  shifts = [sum(phases.plan(kernel(), count, count, True).shifts()) / count**2 for count in (1, 2, 4)]
  assert shifts == [4, 2, 1]


def test_few_outputs_and_many_weights_are_shifted_late():
  assert phases.cheapest_plan(kernel(outputs=1, inputs=50), 2, 2).shifts()[0] == 0
  assert phases.cheapest_plan(kernel(0.1, outputs=20, inputs=20), 2, 2).shifts() == (4, 4)
  assert [phases.cheapest_plan(kernel(density, 200, 200), 1, 2).shifts()[0] for density in (0.02, 0.2)] == [2, 0]
