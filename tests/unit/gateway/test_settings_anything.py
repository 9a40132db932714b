"""Whatever stands in a file, reading it ends with settings or with mistakes, never with an exception."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.config.keys import CHILDREN, INSIDE_ROS, KEYS, UNBUILT_GROUPS
from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings

WORDS = sorted({*KEYS, *CHILDREN, *INSIDE_ROS, *UNBUILT_GROUPS, *(path.rpartition(".")[2] for path in KEYS)})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-10, 100_000)
    | st.floats()
    | st.sampled_from(["", "*", "http://localhost:8081", "b", "hybrid", "a.yaml", "admin:secret:admin", "."])
    | st.text(max_size=8)
)
KEY = st.sampled_from(WORDS) | st.sampled_from(["ros2_medkit_gateway", "ros__parameters", "url", "name"]) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEY, inner), max_leaves=12)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEY, VALUES))
def test_any_mapping_is_read_or_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(content))
    outcome = read_settings([path])
    match outcome:
        case LoadedSettings(settings=settings):
            assert settings.server.port == 0 or settings.server.port >= 1024
        case SettingsRefused(problems):
            assert problems
            assert all(str(problem).isprintable() for problem in problems)


@given(key=st.sampled_from(WORDS) | st.text(), text=st.text())
def test_any_assignment_is_read_or_refused(key: str, text: str) -> None:
    outcome = read_settings(assignments=[f"{key}:={text}"])
    assert isinstance(outcome, LoadedSettings) or outcome.problems
