"""A signal ends a search with what there is; a second one at once."""

from __future__ import annotations

import os
import signal

import pytest

from edge_agent.cli.interrupted import until_interrupted


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_told_and_the_second_ends(which: signal.Signals) -> None:
    before = signal.getsignal(which)
    with until_interrupted() as told:
        assert not told()
        os.kill(os.getpid(), which)
        assert told()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), which)
    assert signal.getsignal(which) is before
