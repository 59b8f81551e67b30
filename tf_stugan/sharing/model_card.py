"""The README.md of a packed generator: what it is, how it is used, what it scored under which protocol, what it cost."""

from collections.abc import Mapping

from tf_stugan.sharing.packed_files import SUFFIX

_TEMPLATE = """---
license: {license_id}
library_name: tf_stugan
tags: [gan, sparse-training, {task}]
---

# {title}

{what}

    import tf_stugan
    generator = tf_stugan.load_generator('{name}'{modules})
    images = generator.{call}

{returns} `generator.card` is card.json; `generator.masks` are the masks. On a hub, the name is hf://OWNER/NAME
in its place.

{samples}{scores}
## Size and cost

{cost}

Density is the share of weights kept in the masked layers. By layer:

{densities}

## Training data

{data}

## What is here

weights.safetensors ({whose} weights; of a masked kernel those that are kept, one after the other), masks.safetensors (a bit
for each weight, eight to a byte; shapes are in card.json), config.gin (the configuration of the run), card.json (what stands
here, for programs), and tf_stugan.json (the SHA-256 of each). There is no code. Reading config.gin imports and calls nothing
but tf_stugan's own parts{trusted}.

License of the weights: {license}. What they may be used for also depends on the training data{data_license}.
"""


def render(card: Mapping) -> str:
  """Writes Markdown, with the header that model hubs read.

  Args:
    card: as `packing.collect` makes it.
  """
  translates = any(output['source'] for output in card['outputs'].values())
  name = next(iter(card['outputs']))
  several = len(card['outputs']) > 1
  shape = 'H, W, C' if translates else ', '.join(map(str, next(iter(card['image_shapes'].values()))))
  call = f"translate(pictures{f', {name!r}' if several else ''})" if translates else 'sample(range(16))'
  takes = 'They are uint8, as the pictures are: ' if translates else 'They are uint8 '
  return _TEMPLATE.format(
      title=card['name'].removesuffix(SUFFIX), name=card['name'], license=card['license'],
      license_id=_license_id(card['license']),
      task='image-to-image' if translates else 'unconditional-image-generation', what=_what(card, translates),
      modules=f", modules={card['modules']}" if card['modules'] else '', call=call, returns=f'{takes}[N, {shape}].',
      samples=''.join(f'![samples]({file})\n\n' for file in card['samples']), scores=_scores(card['scores']),
      cost=_cost(card['cost']),
      densities=_table(('layer', 'density'), card['densities'].items()).strip() or 'no layer is masked',
      data_license=f': {terms}' if (terms := card.get('data_license')) else ', of which this says nothing',
      data='\n'.join(f'* {domain}: {_data(description)}' for domain, description in card['data'].items()) or 'Not told.',
      whose=' and '.join(sorted({output['weights'] for output in card['outputs'].values()})),
      trusted=f', and the modules {", ".join(card["modules"])}, which are not here' if card['modules'] else '')


def _license_id(text):
  """Returns the identifier of a header, such as apache-2.0; what is no such word is 'other'."""
  return text.lower() if text.replace('-', '').replace('.', '').isalnum() else 'other'


def _what(card, translates):
  outputs = card['outputs'].items()
  if translates:
    made = ', '.join(f'{name} (from domain {output["source"]} to {output["domain"]})' for name, output in outputs)
    what = f'Translators of images: {made}'
  else:
    classes = f' of {card["num_classes"]} classes' if card['num_classes'] else ''
    what = f'A generator of images{classes}'
  method = f' with the method {card["method"]}' if card['method'] else ''
  return f'{what}. Trained by tf_stugan {card["version"]}{method}, {card["step"]:,} steps.'


def _scores(rows):
  """Writes a section with a table for each protocol."""
  if not rows:
    return ''
  text = '## Scores\n\n'
  for row in rows:
    better = row.get('better', {})
    numbers = {key: value for key, value in row.items() if isinstance(value, (int, float))}
    text += _table(('score', 'value', 'better'), ((name, f'{value:.6g}', better.get(name, '')) for name, value in
                                                  numbers.items()))
    protocol = {**row.get('protocol', {}), **row.get('conditions', {})}
    text += ''.join(f'* {name.replace("_", " ")}: {value}\n' for name, value in protocol.items()) + '\n'
  return text


def _cost(cost):
  players = {name: value for name, value in cost.items() if isinstance(value, dict)}
  if not players:
    return 'Not logged.'
  rows = ((name, f'{c["kept_parameters"]:,} of {c["parameters"]:,}',
           f'{c["multiply_adds"]:,} of {c["dense_multiply_adds"]:,}') for name, c in players.items())
  table = _table(('network', 'parameters kept', 'multiply-adds an image, of the dense network'), rows)
  told = {'training_operations': 'of training', 'dense_training_operations': 'of training dense networks',
          'all_training_operations': 'of all training that it took to find it'}
  return f'{table}Operations: {", ".join(f"{cost[key]:.4g} {what}" for key, what in told.items() if key in cost)}.'


def _data(description):
  if not isinstance(description, dict):
    return str(description)
  return ', '.join(f'{key} {value}' for key, value in description.items())


def _table(titles, rows):
  lines = [f'| {" | ".join(map(str, row))} |\n' for row in rows]
  return ''.join([f'| {" | ".join(titles)} |\n', f'|{" --- |" * len(titles)}\n', *lines]) + '\n' if lines else ''
