"""The `triptych` command, the part that needs neither TensorFlow nor LightFM; export.cli adds training to it.

Every command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="triptych")
def app() -> None:
    """Train three recommenders, serve them behind one TensorFlow Serving signature, ask them."""
