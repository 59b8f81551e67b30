"""Layer densities against hand numbers, and against those that the authors' runs of STU-GAN printed."""

import math

import pytest

from tf_stugan import errors
from tf_stugan.sparsity import distributions


def sngan_generator_shapes(width=256):
  shapes = {}
  for block in range(3):
    shapes |= {f'{block}/conv1': (3, 3, width, width), f'{block}/conv2': (3, 3, width, width),
               f'{block}/shortcut': (1, 1, width, width)}
  return shapes | {'to_rgb': (3, 3, width, 3)}


def sngan_discriminator_shapes(width=128):
  shapes = {'1/conv1': (3, 3, 3, width), '1/conv2': (3, 3, width, width), '1/shortcut': (1, 1, 3, width),
            '2/shortcut': (1, 1, width, width)}
  return shapes | {f'{b}/conv{c}': (3, 3, width, width) for b in (2, 3, 4) for c in (1, 2)}


@pytest.mark.parametrize('density, body, shortcut', [
    (0.05, 0.0340358, 0.3039569), (0.1, 0.0693771, 0.6195721), (0.2, 0.1539931, 1.0), (0.3, 0.2597, 1.0),
    (0.4, 0.3655, 1.0), (0.5, 0.4712, 1.0)])
def test_erk_gives_the_densities_printed_by_the_authors_for_the_generator(density, body, shortcut):
  result = distributions.erk(sngan_generator_shapes(), density)
  tolerance = 6e-8 if density <= 0.2 else 6e-5  # the digits that were printed
  assert result['0/conv1'] == pytest.approx(body, abs=tolerance)
  assert result['2/shortcut'] == pytest.approx(shortcut, abs=tolerance)
  assert result['to_rgb'] == 1


@pytest.mark.parametrize('density, body, shortcut2', [(0.5, 0.4902034, 1.0), (0.3, 0.2863, 1.0), (0.1, 0.0861, 0.7633)])
def test_erk_gives_the_densities_printed_by_the_authors_for_the_discriminator(density, body, shortcut2):
  result = distributions.erk(sngan_discriminator_shapes(), density)
  assert result['3/conv2'] == pytest.approx(body, abs=6e-5)
  assert result['2/shortcut'] == pytest.approx(shortcut2, abs=6e-5)
  assert result['1/conv1'] == result['1/shortcut'] == 1


@pytest.mark.parametrize('density, body, shortcut2', [(0.5, 0.4911, 1.0), (0.3, 0.2876, 1.0), (0.1, 0.0875, 0.7815)])
def test_erk_gives_the_densities_printed_by_the_authors_for_biggan_32(density, body, shortcut2):
  result = distributions.erk(sngan_discriminator_shapes(256), density)
  assert result['3/conv2'] == pytest.approx(body, abs=6e-5)
  assert result['2/shortcut'] == pytest.approx(shortcut2, abs=6e-5)


@pytest.mark.parametrize('density, first, body, shortcut, opponent', [
    (0.1, 0.381, 0.0415, 0.371, 0.0860), (0.2, 0.769, 0.0838, 0.748, 0.1842), (0.3, 1, 0.1560, 1, 0.2862),
    (0.5, 1, 0.3972, 1, 0.4901)])
def test_erk_with_dense_layers_as_adapt_masks_them(density, first, body, shortcut, opponent):
  generator = distributions.erk({'project': (128, 4096), **sngan_generator_shapes()}, density)
  found = [generator[name] for name in ('project', '0/conv1', '0/shortcut')]
  assert found == pytest.approx([first, body, shortcut], abs=6e-4)
  discriminator = distributions.erk({'logits': (128, 1), **sngan_discriminator_shapes()}, density)
  assert discriminator['3/conv2'] == pytest.approx(opponent, abs=1e-4)


def test_erk_by_hand():
  # Scores (3+3+1+1)/9 = 8/9 and (1+1+4+4)/16 = 10/16; 9 and 16 weights. epsilon = 0.4 * 25 / (8 + 10).
  result = distributions.erk({'a': (3, 3, 1, 1), 'b': (1, 1, 4, 4)}, 0.4)
  assert result == pytest.approx({'a': 8 / 9 * 10 / 18, 'b': 10 / 16 * 10 / 18})


def test_erdos_renyi_looks_at_channels_only():
  # Scores (2+6)/12 and (4+4)/16: epsilon = 0.5 * 124 / (9 * 8 + 8).
  result = distributions.erdos_renyi({'a': (3, 3, 2, 6), 'b': (1, 1, 4, 4)}, 0.5)
  assert result == pytest.approx({'a': 8 / 12 * 62 / 80, 'b': 8 / 16 * 62 / 80})


def test_uniform():
  assert distributions.uniform({'a': (3, 3, 2, 6), 'b': (4, 4)}, 0.3) == {'a': 0.3, 'b': 0.3}


@pytest.mark.parametrize('distribution', [distributions.erk, distributions.erdos_renyi, distributions.uniform])
@pytest.mark.parametrize('density', [0.01, 0.05, 0.3, 0.7, 0.95, 1.0])
def test_every_distribution_spends_the_whole_budget(distribution, density):
  shapes = sngan_generator_shapes(32)
  result = distribution(shapes, density)
  kept = sum(result[name] * math.prod(shape) for name, shape in shapes.items())
  assert kept == pytest.approx(density * sum(map(math.prod, shapes.values())))
  assert all(0 < value <= 1 for value in result.values())


@pytest.mark.parametrize('density', [0, -0.1, 1.5, float('nan')])
def test_a_density_outside_its_range_is_refused(density):
  with pytest.raises(errors.UserError, match='share of weights kept'):
    distributions.erk({'a': (3, 3, 1, 1)}, density)
