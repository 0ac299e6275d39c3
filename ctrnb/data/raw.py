"""Raw files in a folder, a zip or a tar archive, read in place: nothing is ever unpacked to the disk."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from ctrnb.errors import DataError

LARGEST_RATIO = 200  # of an archive member's size to its compressed size; text reaches about 10
LARGEST_SIZE = 64 * 2**30  # bytes of one member
COMPRESSED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}  # by the first bytes
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, UnicodeDecodeError,
    struct.error,
)  # fmt: skip


def data_folder(data_dir: Path | None) -> Path | None:
    """Return where raw data lies: ``data_dir``, else the environment variable CTRNB_DATA, else None."""
    if data_dir is not None:
        return Path(data_dir)
    named = os.environ.get("CTRNB_DATA")
    return Path(named) if named else None


def locate(folder: Path | None, name: str, files: Sequence[str]) -> Path | None:
    """Return the first of FOLDER/name, FOLDER/name.zip, .tar, .tgz, .tar.gz and FOLDER itself that holds ``files``."""
    if folder is None:
        return None
    if folder.is_file():
        return folder
    for place in (folder / name, folder):
        if all((place / file).is_file() for file in files):
            return place
    for suffix in (".zip", ".tar", ".tgz", ".tar.gz"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    return None


@contextmanager
def open_raw(place: Path, file: str) -> Iterator[IO[bytes]]:
    """Open one file of a folder or archive for reading, found by its base name.

    Raises:
        DataError: it is missing or unreadable, or the archive is damaged or hostile: a member with an absolute
            path or ``..``, a link, or one that expands out of all proportion.
    """
    try:
        if place.is_dir():
            with (place / file).open("rb") as stream:
                yield stream
        elif zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive, archive.open(zip_member(archive, place, file)) as stream:
                yield stream
        else:  # read as a stream where it is compressed: no header may make tarfile unpack more than is let through
            with open_file(place) as packed, tarfile.open(fileobj=packed, mode=tar_mode(packed)) as tar:
                yield tar_stream(tar, place, file)
    except DAMAGE as error:
        raise DataError(f"{place} is damaged or no zip or tar archive: {error}. Fetch it again.") from None
    except OSError as error:
        raise DataError(f"{place}: {file} cannot be read: {error.strerror or error}.") from None


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed where its first bytes say that it is compressed.

    Raises:
        DataError: while it is read, once it expands out of all proportion.
    """
    with path.open("rb") as file:
        start = file.read(8)
    opener = next((each for magic, each in COMPRESSED.items() if start.startswith(magic)), None)
    if opener is None:
        with path.open("rb") as file:
            yield file
    else:
        with opener(path, "rb") as file, io.BufferedReader(Bounded(file, path), 2**20) as bounded:
            yield bounded


class Bounded(io.RawIOBase):
    """A decompressed stream that ends in DataError where it expands out of all proportion."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path = stream, path
        self.size = path.stat().st_size
        self.left = LARGEST_RATIO * max(self.size, 1024)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = self.stream.readinto(buffer)  # type: ignore[attr-defined]
        self.left -= count
        if self.left < 0:
            raise DataError(
                f"{self.path} would expand to more than {LARGEST_RATIO} times its {self.size} bytes, which no ratings "
                "file does. It is not read."
            )
        return count


def tar_mode(stream: IO[bytes]) -> Literal["r:", "r|"]:
    """Return how tarfile reads a stream: from place to place, or from front to back where it is decompressed."""
    return "r:" if isinstance(stream.raw, io.FileIO) else "r|"  # type: ignore[attr-defined]


def refuse_path(name: str, place: Path) -> None:
    """Raise DataError for an archive member whose path leaves the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise DataError(f"{place} holds the member {name!r}, whose path leaves the archive. It is not read.")


def zip_member(archive: zipfile.ZipFile, place: Path, file: str) -> zipfile.ZipInfo:
    """Return the zip member with the base name ``file``, after checking every member's path.

    Raises:
        DataError: a member's path leaves the archive; or there is no such member, or it is a link, encrypted, or would
            expand to more than ratings do.
    """
    found = None
    for member in archive.infolist():
        refuse_path(member.filename, place)
        if PurePosixPath(member.filename).name == file and not member.is_dir():
            found = member
    if found is None:
        raise DataError(f"{place} holds no {file}.")
    if stat.S_ISLNK(found.external_attr >> 16):
        raise DataError(f"{place}: {found.filename} is a link. It is not followed.")
    if found.flag_bits & 1:
        raise DataError(f"{place}: {found.filename} is encrypted. Unpack the archive and name its folder.")
    if found.file_size > LARGEST_SIZE or found.file_size > LARGEST_RATIO * max(found.compress_size, 1024):
        raise DataError(
            f"{place}: {found.filename} would expand from {found.compress_size} to {found.file_size} bytes, which no "
            "ratings file does. It is not read."
        )
    return found


def tar_stream(archive: tarfile.TarFile, place: Path, file: str) -> IO[bytes]:
    """Return a reader of the tar member with the base name ``file``, checking members on the way.

    Raises:
        DataError: a member's path leaves the archive; or there is no such member, or it is no plain file, or would expand to
            more than ratings do.
    """
    for member in archive:
        refuse_path(member.name, place)
        if PurePosixPath(member.name).name != file:
            continue
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is None:
            raise DataError(f"{place}: {member.name} is a link or no plain file. It is not followed.")
        if member.size > LARGEST_SIZE or member.size > LARGEST_RATIO * max(place.stat().st_size, 1024):
            raise DataError(f"{place}: {member.name} would expand to {member.size} bytes. It is not read.")
        return stream
    raise DataError(f"{place} holds no {file}.")
