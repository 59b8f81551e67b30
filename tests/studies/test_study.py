"""What a study asks, without TensorFlow: rows, exclusions, names, and what is wrong with them."""

import pytest

from tf_stugan import errors
from tf_stugan.studies import study


def make(**kwargs):
  return study.Study(**{'files': ['quickstart.gin'], **kwargs})


def test_rows_by_name_come_first_then_every_combination_that_is_not_excluded():
  made = make(axes={'method': ['static', 'stugan'], 'GENERATOR_DENSITY': [0.05, 0.1], 'UPDATE_INTERVAL': [100, 200]},
              rows={'reference': {'method': 'dense'}},
              exclude=[{'method': 'static', 'UPDATE_INTERVAL': [100, 200], 'GENERATOR_DENSITY': 0.05},
                       {'UPDATE_INTERVAL': 200, 'method': 'stugan'}])
  rows = made.expand()
  assert [(row.name, tuple(row.setting.values())) for row in rows] == [
      ('reference', ('dense',)), ('', ('static', 0.1, 100)), ('', ('static', 0.1, 200)), ('', ('stugan', 0.05, 100)),
      ('', ('stugan', 0.1, 100))]
  assert [study.row_name(row.setting) for row in rows[1:3]] == ['static_0.1_100', 'static_0.1_200']


def test_an_experiment_alone_is_a_study_of_one_row():
  assert [dict(row.setting) for row in make(seeds=[1, 2]).expand()] == [{}]


@pytest.mark.parametrize('wrong, message', [
    ({'axes': {'densty': [1]}}, "'densty' is no setting"),
    ({'axes': {'metod': ['static']}}, 'Did you mean method?'),
    ({'axes': {'static_sparse.StaticSparse.density': [0.1], 'StaticSparse.density': [0.2]}}, 'set the same'),
    ({'axes': {'GENERATOR_DENSITY': [0.1]}, 'common': {'GENERATOR_DENSITY': 0.2}}, 'set the same'),
    ({'axes': {'GENERATOR_DENSITY': [0.1, 0.1]}}, 'each of them once'),
    ({'axes': {'GENERATOR_DENSITY': []}}, 'needs choices'),
    ({'axes': {'SEED': [1, 2]}}, '--seeds'),
    ({'common': {'trainer.Trainer.seed': 3}}, '--seeds'),
    ({'seeds': [1, 1]}, 'each of them once'),
    ({'seeds': [-1]}, 'a whole number'),
    ({'exclude': [{'method': 'static'}]}, 'method is no axis'),
    ({'axes': {'method': ['static']}, 'exclude': [{'method': 'dense'}]}, 'no combination'),
    ({'axes': {'method': ['static']}, 'exclude': [{'method': 'static'}]}, 'every combination is excluded'),
    ({'rows': {'../x': {}}}, 'name of a folder'),
    ({'axes': {'A': range(200), 'B': range(200)}}, 'at most 10,000'),
])
def test_what_cannot_be_is_told(wrong, message):
  with pytest.raises(errors.UserError, match=message.replace('.', r'\.')):
    make(**wrong).expand()


def test_settings_of_another_scope_are_others():
  make(axes={'generator/StaticSparse.density': [0.1], 'discriminator/StaticSparse.density': [0.2]})


@pytest.mark.parametrize('flag, parsed', [
    ('GENERATOR_DENSITY=0.05,0.1', ('GENERATOR_DENSITY', [0.05, 0.1])),
    ('method=static,stugan', ('method', ['static', 'stugan'])),
    ('PAIR=[1,2],(3,4)', ('PAIR', [[1, 2], (3, 4)])),
    ("PRECISION='bfloat16',float32", ('PRECISION', ['bfloat16', 'float32'])),
    ('Trainer.layers=@layer_choice.conv_only', ('Trainer.layers', ['@layer_choice.conv_only']))])
def test_an_axis_of_a_flag(flag, parsed):
  assert study.parse_axis(flag) == parsed


@pytest.mark.parametrize('value, text', [
    (0.05, 'A = 0.05'), ('bfloat16', "A = 'bfloat16'"), ('@module.Class', 'A = @module.Class'), ('%B', 'A = %B'),
    ([1, (2, 'x')], "A = [1, (2, 'x')]"), (None, 'A = None')])
def test_a_binding_is_written_as_gin_reads_it(value, text):
  assert study.binding('A', value) == text


def test_a_binding_that_is_no_literal_is_refused():
  with pytest.raises(errors.UserError, match='write what is no number'):
    study.binding('A', object())


def test_a_method_takes_the_place_of_the_one_that_an_experiment_includes():
  text = "include 'methods/static.gin'\ninclude 'runs/small.gin'\n"
  assert study.in_place(text, 'method', 'methods/stugan.gin') == "include 'methods/stugan.gin'\ninclude 'runs/small.gin'\n"
  assert study.in_place(text, 'model', 'models/sagan.gin') is None


@pytest.mark.parametrize('pairs', [[], [['a']], [['a', 1]]])
def test_a_comparison_is_one_of_pairs_of_rows(pairs):
  with pytest.raises(errors.UserError, match="'a wins' needs pairs of rows"):
    make(comparisons={'a wins': pairs})
