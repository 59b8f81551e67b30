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
  *_, last = stages = experiment.stages()
  if experiment.stage:  # whose configuration says what was decided for it
    asked = next((stage for stage in stages if stage.name == experiment.stage), last)
    ledger = ledgers.ledger(configuration.build_configured(experiment.make_trainer), asked.num_steps, convention,
                            asked.first_step)
    together, undecided = None, False
  else:
    found = ledgers.make_ledgers(stages, convention)
    ledger, undecided = found[last.name], ledgers.is_undecided(last)
    together = ledgers.sum_ledgers(found).training if last.name else None
  sys.stdout.write(
      _as_json(ledger, convention, together) if values.json else _as_text(ledger, convention, together, undecided))


def _as_json(ledger, convention, together):
  return json.dumps({
      **{name: _network(network, ledger.dense_networks[name]) for name, network in ledger.networks.items()},
      'training_flops': ledger.training,
      'training_flops_vs_dense': ledger.training / ledger.dense_training,
      **({'all_stages_training_flops': together} if together else {}),
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


def _as_text(ledger, convention, together, undecided):
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
  if together:
    lines.append(f'This is the last stage. All stages together: {together:.4g} FLOPs '
                 f'({together / ledger.dense_training:.4g} dense trainings).')
  if undecided:
    lines.append('An estimate: how many channels the last stage has is decided by those before it; all are counted here.')
  elif not ledger.exact:
    lines.append('An estimate: a ranking across layers moves weights between them. `report` tells the true cost of a run.')
  return '\n'.join(lines) + '\n'
