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


def apart(x):
  return {(a, b): x[a::2, b::2] for a, b in itertools.product((0, 1), repeat=2)}


def carry_out(plan, source, weights):
  """What a plan computes, in float64."""
  products = {p: shifted(source[p.source], p.before) @ weights[1 + p.tap[0], 1 + p.tap[1]] for p in plan.products}
  return {target: sum(shifted(sum(products[p] for p in parts), offset) for offset, parts in sums.items())
          for target, sums in plan.sums.items()}


@pytest.mark.parametrize('columns_first', [True, False])
@pytest.mark.parametrize('density', [1.0, 0.03])
def test_a_convolution_in_phases_is_the_convolution(columns_first, density):
  weights, x = kernel(density), RNG.standard_normal([8, 6, 5])
  expected = apart(direct(x, weights))
  result = carry_out(phases.plan(phases.terms(weights, 2, 2), columns_first), apart(x), weights)
  for phase in expected:
    np.testing.assert_allclose(result[phase], expected[phase], atol=1e-12)


@pytest.mark.parametrize('columns_first', [True, False])
def test_upsampling_and_a_convolution(columns_first):
  weights, x = kernel(), RNG.standard_normal([4, 3, 5])
  expected = apart(direct(x.repeat(2, axis=0).repeat(2, axis=1), weights))
  result = carry_out(phases.plan(phases.terms(weights, 1, 2), columns_first), {(0, 0): x}, weights)
  for phase in expected:
    np.testing.assert_allclose(result[phase], expected[phase], atol=1e-12)


@pytest.mark.parametrize('columns_first', [True, False])
def test_without_phases(columns_first):
  weights, x = kernel(), RNG.standard_normal([4, 3, 5])
  result = carry_out(phases.plan(phases.terms(weights, 1, 1), columns_first), {(0, 0): x}, weights)
  np.testing.assert_allclose(result[0, 0], direct(x, weights), atol=1e-12)


def test_taps_without_weights_cost_nothing():
  weights = np.zeros([3, 3, 5, 4])
  weights[1, 1, 0, 0] = weights[2, 1, 3, 2] = 1
  plan = phases.cheapest_plan(weights, 2, 2)
  assert {p.tap for p in plan.products} == {(0, 0), (1, 0)}
  # Each weight once for each of the four phases; the tap below is shifted for the two phases below.
  assert plan.shifts() == (0, 2)
  assert plan.multiply_adds(weights, 10) == 10 * (2 * 4 + 9 * 2 * 4)


def test_upsampling_shares_products():
  weights = kernel()
  late, early = (phases.plan(phases.terms(weights, 1, 2), early) for early in (False, True))
  assert (len(late.products), late.shifts()) == (9, (0, 12))
  assert (len(early.products), early.shifts()) == (15, (2, 4))


def test_few_outputs_are_shifted_late():
  assert phases.cheapest_plan(kernel(outputs=1, inputs=50), 2, 2).shifts()[0] == 0
  assert phases.cheapest_plan(kernel(0.1, outputs=20, inputs=20), 2, 2).shifts() == (4, 4)
