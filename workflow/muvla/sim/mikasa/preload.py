"""Imported by the server that simulator processes are forked from, so that each of them starts with this done."""

import muvla.sim.mikasa.env
import muvla.sim.mikasa.suite  # noqa: F401
