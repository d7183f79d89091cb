"""One tiny analyzer for all tests of the server."""

from pathlib import Path

import pytest

from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.tiny import make_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def settings(bundle: Path) -> Settings:
    return Settings(bundle=str(bundle), asr="none")


@pytest.fixture(scope="session")
def analyzer(settings: Settings) -> Analyzer:
    return load_analyzer(settings)
