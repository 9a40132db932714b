"""Fault 83: the disk is full. What was saved before stays whole."""

from pathlib import Path

import pytest

from gateway.state_dir import StateDir

FULL = Path("/dev/full")
"""Every write to it fails as on a full disk."""


def test_fault_083_a_full_disk_leaves_what_was_saved_before(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    try:
        state.save("names.json", b"before")
        (tmp_path / ".names.json.new").symlink_to(FULL)
        with pytest.raises(OSError, match="No space left"):
            state.save("names.json", b"x" * 100_000)
        assert state.load("names.json") == b"before"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "names.json"]
        state.save("names.json", b"after")
        assert state.load("names.json") == b"after"
    finally:
        state.close()
