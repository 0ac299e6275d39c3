"""Raw files in a folder, a zip or a tar archive, read in place: nothing is ever unpacked to the disk."""

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ctrnb.errors import DataError

LARGEST_RATIO = 200  # of an archive member's size to its compressed size; text reaches about 10
LARGEST_SIZE = 64 * 2**30  # bytes of one member


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
        elif tarfile.is_tarfile(place):
            with tarfile.open(place) as tar:
                yield tar_stream(tar, place, file)
        else:
            raise DataError(f"{place} is neither a folder nor a zip or tar archive.")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise DataError(f"{place} is damaged: {error}. Fetch it again.") from None
    except OSError as error:
        raise DataError(f"{place}: {file} cannot be read: {error.strerror or error}.") from None


def refuse_path(name: str, place: Path) -> None:
    """Raise DataError for an archive member whose path leaves the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise DataError(f"{place} holds the member {name!r}, whose path leaves the archive. It is not read.")


def zip_member(archive: zipfile.ZipFile, place: Path, file: str) -> zipfile.ZipInfo:
    """Return the zip member with the base name ``file``, after checking every member's path."""
    found = None
    for member in archive.infolist():
        refuse_path(member.filename, place)
        if PurePosixPath(member.filename).name == file and not member.is_dir():
            found = member
    if found is None:
        raise DataError(f"{place} holds no {file}.")
    if stat.S_ISLNK(found.external_attr >> 16):
        raise DataError(f"{place}: {found.filename} is a link. It is not followed.")
    if found.file_size > LARGEST_SIZE or found.file_size > LARGEST_RATIO * max(found.compress_size, 1024):
        raise DataError(
            f"{place}: {found.filename} would expand from {found.compress_size} to {found.file_size} bytes, which no "
            "ratings file does. It is not read."
        )
    return found


def tar_stream(archive: tarfile.TarFile, place: Path, file: str) -> IO[bytes]:
    """Return a reader of the tar member with the base name ``file``, checking members on the way."""
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
