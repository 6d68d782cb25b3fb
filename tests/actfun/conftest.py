"""What tests of both ledgers need."""

import pytest


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, each with its metadata."""
    result = []
    monkeypatch.setattr(
        "IPython.display.display", lambda box, metadata: result.append((box, metadata))
    )
    return result
