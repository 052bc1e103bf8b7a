"""What a check of a venue's folder found, as sheets and sentences."""

from collections.abc import Sequence

from msgspec import Struct

from seawall.report import kinds
from seawall.report.findings import Answer, Findings, Words
from seawall.report.sheet import Column, Sheet, record

FAULTS = ("damaged", "missing")


class Checked(Struct, frozen=True):
    """One file. ``status``: sound, behind, unfinished, unverified, unknown, damaged or missing."""

    file: str
    size: int
    status: str
    meaning: str
    action: str

    @property
    def is_fault(self) -> bool:
        return self.status in FAULTS

    @property
    def is_log(self) -> bool:
        return self.file.startswith("log-")


class FolderCheck(Answer, frozen=True, kw_only=True):
    """``commands``, ``time_ms``: of the log's end. ``accounts``: of the machine, None where the log
    could not be replayed. ``files``: by name."""

    folder: str
    commands: int
    time_ms: int
    segments: int
    save_points: Sequence[str]
    accounts: int | None
    files: Sequence[Checked]

    @property
    def is_sound(self) -> bool:
        return not any(each.is_fault for each in self.files)

    def findings(self) -> Findings:
        venue = record(
            "venue", "What the log holds", self,
            [
                Column("commands", kinds.COUNT), Column("time_ms", kinds.TIME, title="up to (UTC)"),
                Column("segments", kinds.COUNT), Column("accounts", kinds.COUNT),
                Column("save_points", kinds.NAMES),
            ],
        )  # fmt: skip
        files = Sheet(
            "files", "Files", self.files,
            [
                Column("file"), Column("size", kinds.BYTES, drop=1), Column("status"),
                Column("meaning"), Column("action", title="what to do"),
            ],
            style=_style,
        )  # fmt: skip
        return Findings(
            command="check", title=f"The folder {self.folder}", verdict=list(self._verdict()),
            sections=[venue, files], facts={"folder": self.folder, "sound": self.is_sound},
        )  # fmt: skip

    def _verdict(self) -> list[Words]:
        log = [each for each in self.files if each.is_fault and each.is_log]
        derived = [each for each in self.files if each.is_fault and not each.is_log]
        said = [Words(f"{each.file}: {each.meaning}. {each.action}", True) for each in log]
        if log:
            return [
                Words("The log is damaged: not all that was acknowledged can be replayed."),
                *said,
            ]
        if derived:
            names = ", ".join(each.file for each in derived)
            return [Words(f"The log is sound. Of what is derived from it, {names} cannot be used; "
                          "a venue starts all the same.")]  # fmt: skip
        if any(each.status == "unverified" for each in self.files):
            return [Words("No damage was found, but not everything could be compared.")]
        return [Words("Sound: the log was replayed, and all that is kept beside it agrees.")]


def _style(row: Checked) -> str:
    return "bad" if row.is_fault else "quiet" if row.status == "unknown" else ""
