"""What `tf-stugan flops` does."""

import json
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan.commands import common
from tf_stugan.metrics import cost
from tf_stugan.reports import ledger as ledgers


def run(values: flags.FlagValues) -> None:
  common.load_gin_files(values)
  experiment = configuration.make_experiment()
  convention, = (c for c in cost.CONVENTIONS if c.name == values.convention)
  last = experiment.stages()[-1]
  asked = next((stage for stage in experiment.stages() if stage.name == experiment.stage), last)
  ledger = ledgers.ledger(_make_trainer(experiment), asked.num_steps, convention)
  stages = _cost_of_all_stages(experiment, convention)
  undecided = bool(last.decided and not experiment.stage and not all(last.decided(None).values()))
  ledger = ledger._replace(exact=ledger.exact and not undecided)
  sys.stdout.write(
      _as_json(ledger, convention, stages) if values.json else _as_text(ledger, convention, stages, undecided))


def _make_trainer(experiment):
  """Makes that of the last stage, or of the one that the configuration is about, which says what was decided for it."""
  if experiment.stage:
    return configuration.made(experiment.make_trainer)
  return configuration.make_trainer(experiment.stages()[-1])


def _cost_of_all_stages(experiment, convention):
  """Counts a ladder, whose last stage is one of many; None where that counts those before, or one alone is asked for."""
  stages = experiment.stages()
  if experiment.stage or not stages[-1].name:
    return None
  return sum(ledgers.ledger(configuration.make_trainer(stage), stage.num_steps, convention).training
             for stage in stages)


def _as_json(ledger, convention, stages):
  return json.dumps({
      **{name: _network(network, ledger.dense_networks[name]) for name, network in ledger.networks.items()},
      'training_flops': ledger.training,
      'training_flops_vs_dense': ledger.training / ledger.dense_training,
      **({'all_stages_training_flops': stages} if stages else {}),
      'test_flops': _one_or_all(ledger.images),
      'test_flops_vs_dense': _one_or_all({name: ledger.images[name] / ledger.dense_images[name] for name in ledger.images}),
      'convention': convention.name,
      'exact': ledger.exact,
  }, indent=1) + '\n'


def _one_or_all(values):
  """Returns the number itself where a game makes one thing only."""
  return next(iter(values.values())) if len(values) == 1 else values


def _network(network, dense):
  return {
      'parameters': network.parameters,
      'kept_parameters': network.kept_parameters,
      'masked_parameters': network.masked_parameters,
      'density': network.density,
      'forward_multiply_adds': network.multiply_adds,
      'dense_forward_multiply_adds': dense.multiply_adds,
      'layers': [{
          'name': layer.name, 'shape': layer.shape, 'parameters': layer.parameters, 'masked': layer.masked,
          'density': layer.density, 'forward_multiply_adds': round(layer.multiply_adds),
          'dense_forward_multiply_adds': layer.dense_multiply_adds} for layer in network.layers],
  }


def _as_text(ledger, convention, stages, undecided):
  lines = []
  for name, network in ledger.networks.items():
    lines += [name, f'  {"layer":<24}{"kernel":<18}{"parameters":>12}{"density":>10}{"multiply-adds":>16}']
    for layer in network.layers:
      density = f'{layer.density:.4f}' if layer.masked else '-'
      shape = ' x '.join(map(str, layer.shape))
      lines.append(f'  {layer.name:<24}{shape:<18}{layer.parameters:>12,}{density:>10}{round(layer.multiply_adds):>16,}')
    lines += [
        f'  parameters {network.parameters:,} ({network.kept_parameters:,} kept), in masked kernels '
        f'{network.masked_parameters:,}, of which {network.density:.4f} kept',
        f'  multiply-adds of one image {network.multiply_adds:,} '
        f'({network.multiply_adds / ledger.dense_networks[name].multiply_adds:.4f} of dense)', '']
  lines += [
      f'convention         {convention.name}',
      *(f'{"one image" if len(ledger.images) == 1 else "one image, " + name:<19}{flops:.4g} FLOPs '
        f'({flops / ledger.dense_images[name]:.4f} of dense)' for name, flops in ledger.images.items()),
      f'whole training     {ledger.training:.4g} FLOPs ({ledger.training / ledger.dense_training:.4f} of dense)']
  if stages:
    lines.append(f'This is the last stage. All stages together: {stages:.4g} FLOPs ({stages / ledger.dense_training:.4g} '
                 'dense trainings).')
  if undecided:
    lines.append('An estimate: how many channels the last stage has is decided by those before it; all are counted here.')
  elif not ledger.exact:
    lines.append('An estimate: a ranking across layers moves weights between them. `report` tells the true cost of a run.')
  return '\n'.join(lines) + '\n'
