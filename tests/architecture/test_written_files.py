"""Files that a test leaves in the checkout are found."""

from pathlib import Path

from tests.written_files import changes, picture


def test_new_changed_and_missing_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("out/rehearsal.png", "kept.toml", "removed.json"):
        (tmp_path / name).write_text("1")
    before = picture(tmp_path)
    assert changes(before, picture(tmp_path)) == []
    (tmp_path / "out/rehearsal.png").write_text("12")
    (tmp_path / "out/page.html").touch()
    (tmp_path / "removed.json").unlink()
    (tmp_path / ".cache").touch()
    assert changes(before, picture(tmp_path)) == [
        "changed: out/rehearsal.png",
        "gone: removed.json",
        "new: out/page.html",
    ]
