"""Every setting, written once: a file for each stage, and all that is made from these files.

A file `{stage}.yaml` holds the keys of the configuration that belong to the stage, in the
vocabulary of JSON Schema: `description` (meaning, unit and origin; the first sentence stands in
messages), `type`, limits and `default`. Besides:

- a key with `properties` is a mapping; it refuses keys that are not listed there, and has its
  defaults even where a run does not name it;
- `overrides: [network, training]` gives the keys of these sections to a mapping, without defaults;
- `layout: flow` writes a mapping into config.yaml in one line.
"""
