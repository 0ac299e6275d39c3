"""Input made to do harm: archives that leave their folder or explode, text that wants to be code, a download that is not what it was."""

import bz2
import gzip
import hashlib
import http.server
import io
import lzma
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctrnb.data import load, movielens
from ctrnb.errors import CtrnbError, DataError

FILES = {
    "ratings.dat": b"1::10::5::100\n1::20::3::101\n2::10::1::102\n",
    "users.dat": b"1::F::25::3::55455\n2::M::56::16::70072\n",
    "movies.dat": b"10::Toy Story (1995)::Animation|Comedy\n20::Leon (1994)::Crime\n",
}


def zipped(files: dict[str, bytes] = FILES) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def tarred(files: dict[str, bytes] = FILES, extra: tuple[tarfile.TarInfo, bytes] | None = None) -> bytes:
    """Return a tar archive; ``extra`` comes first."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        members = [extra] if extra else []
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            members.append((member, content))
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def member(name: str, **attributes: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(found, key, value)
    return found


def symlinked_zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        link = zipfile.ZipInfo("ratings.dat")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("users.dat", "")
        archive.writestr("movies.dat", "")
    return held.getvalue()


def encrypted_zip() -> bytes:
    content = bytearray(zipped())
    content[content.find(b"PK\x01\x02") + 8] |= 1  # the flag of the first member in the directory
    return bytes(content)


def lying_zip() -> bytes:
    """A zip whose directory says that a member is far smaller than it is."""
    content = bytearray(zipped(FILES | {"ratings.dat": b"1::10::5::100\n" * 100_000}))
    start = content.find(b"PK\x01\x02")
    content[start + 24 : start + 28] = (140).to_bytes(4, "little")
    return bytes(content)


BOMB = b"1::1::5::0\n" * 1_000_000
ZEROS = b"0" * 3_000_000


def pax_bomb() -> bytes:
    """A compressed tar with a header, which tarfile reads whole, of zeros."""
    return gzip.compress(tarred(extra=(member("h", type=tarfile.XHDTYPE, size=len(ZEROS)), ZEROS)))


HOSTILE = {
    "zip ..": ("zip", lambda: zipped(FILES | {"../evil": b""}), "leaves the archive"),
    "zip absolute": ("zip", lambda: zipped(FILES | {"/etc/cron.d/evil": b""}), "leaves the archive"),
    "zip drive": ("zip", lambda: zipped(FILES | {"C:/evil": b""}), "leaves the archive"),
    "zip backslash": ("zip", lambda: zipped(FILES | {"a\\..\\..\\evil": b""}), "leaves the archive"),
    "zip link": ("zip", symlinked_zip, "is a link"),
    "zip bomb": ("zip", lambda: zipped(FILES | {"ratings.dat": BOMB}), "would expand"),
    "zip with a lying directory": ("zip", lying_zip, "is damaged"),
    "zip encrypted": ("zip", encrypted_zip, "is encrypted"),
    "zip without the file": ("zip", lambda: zipped({"users.dat": b""}), "holds no ratings.dat"),
    "tar ..": ("tar", lambda: tarred(extra=(member("../evil"), b"")), "leaves the archive"),
    "tar absolute": ("tar", lambda: tarred(extra=(member("/evil"), b"")), "leaves the archive"),
    "tar symbolic link": ("tar", lambda: tarred(extra=(member("ratings.dat", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")), "is a link"),
    "tar hard link": ("tar", lambda: tarred(extra=(member("ratings.dat", type=tarfile.LNKTYPE, linkname="users.dat"), b"")), "is a link"),
    "tar device": ("tar", lambda: tarred(extra=(member("ratings.dat", type=tarfile.CHRTYPE), b"")), "no plain file"),
    "tar.gz bomb": ("tar.gz", lambda: gzip.compress(tarred(FILES | {"ratings.dat": BOMB})), "would expand"),
    "tar.gz bomb before": ("tgz", lambda: gzip.compress(tarred(extra=(member("x", size=len(BOMB)), BOMB))), "would expand"),
    "tar.gz bomb in a header": ("tgz", pax_bomb, "would expand"),
    "tar.bz2 bomb": ("tar", lambda: bz2.compress(tarred(extra=(member("x", size=len(ZEROS)), ZEROS))), "would expand"),
    "tar.xz bomb": ("tar", lambda: lzma.compress(tarred(extra=(member("x", size=len(ZEROS)), ZEROS))), "would expand"),
    "no archive": ("zip", lambda: b"<html>Please log in</html>", "damaged or no zip or tar archive"),
    "an empty file": ("tar", lambda: b"", "damaged or no zip or tar archive"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    suffix, make, message = HOSTILE[name]
    (tmp_path / f"ml-1m.{suffix}").write_bytes(make())
    with pytest.raises(DataError, match=message):
        load("ml-1m", data_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1 and not (tmp_path.parent / "evil").exists()


def test_a_zip_whose_names_are_no_text_is_damaged(tmp_path: Path) -> None:
    content = bytearray(zipped())
    place = content.find(b"PK\x01\x02")
    content[place + 9] |= 8  # the flag of a name in UTF-8
    content[place + 46] = 0xFF
    (tmp_path / "ml-1m.zip").write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        load("ml-1m", data_dir=tmp_path)


@pytest.mark.parametrize(
    "archive",
    [zipped(), tarred(), gzip.compress(tarred()), bz2.compress(tarred()), lzma.compress(tarred())],
    ids=["zip", "tar", "gz", "bz2", "xz"],
)
def test_an_honest_archive_of_each_kind_is_read(tmp_path: Path, archive: bytes) -> None:
    place = tmp_path / "ml-1m.tar"
    place.write_bytes(archive)
    assert load("ml-1m", data_dir=tmp_path).interactions["rating"].tolist() == [5, 3, 1]


@pytest.mark.parametrize("kind", ["zip", "tar", "gz"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_gives_the_ratings_or_a_message(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray({"zip": zipped, "tar": tarred, "gz": lambda: gzip.compress(tarred(), mtime=0)}[kind]())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "ml-1m.tar").write_bytes(content)
    try:
        assert len(load("ml-1m", data_dir=tmp_path).interactions)
    except CtrnbError as error:
        assert str(tmp_path) in str(error) or "ml-1m" in str(error)


# A download that is cut, altered or absent: nothing of it is read, and the next attempt is a fresh one.


@pytest.fixture
def server() -> Iterator[tuple[str, dict]]:
    """A local server of one archive: its URL, and a dictionary that says what it sends."""
    sent: dict = {"body": b"", "claimed": None, "status": 200, "asked": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent["asked"] += 1
            self.send_response(sent["status"])
            self.send_header("Content-Length", str(sent["claimed"] or len(sent["body"])))
            self.end_headers()
            self.wfile.write(sent["body"])

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/ml-1m.zip", sent
        running.shutdown()


WHOLE = zipped()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": WHOLE[:300], "claimed": len(WHOLE)}, "could not be downloaded"),  # the line went dead
        ({"body": WHOLE[:300]}, "does not match its MD5"),  # cut, and the server says that it is whole
        ({"body": WHOLE[:-1] + b"x"}, "does not match its MD5"),
        ({"body": b"<html>Please log in</html>"}, "does not match its MD5"),
        ({"status": 404}, "could not be downloaded"),
    ],
)
def test_a_download_that_is_not_what_it_was_is_not_read(server, tmp_path: Path, monkeypatch, change: dict, message: str) -> None:  # fmt: skip
    url, sent = server
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    release = replace(movielens.ML_1M, url=url, md5=hashlib.md5(WHOLE).hexdigest())
    monkeypatch.setattr(movielens, "ML_1M", release)
    sent |= change
    with pytest.raises(DataError, match=message) as caught:
        load("ml-1m")
    assert url in str(caught.value) and "--data-dir" in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.zip")), "nothing half-fetched stays"
    sent |= {"body": WHOLE, "claimed": None, "status": 200}
    assert len(load("ml-1m").interactions) == 3
    asked = sent["asked"]
    assert len(load("ml-1m").interactions) == 3 and sent["asked"] == asked, "fetched once"
    kept = next((tmp_path / "cache").rglob("*ml-1m.zip"))
    kept.write_bytes(WHOLE[:100])
    assert len(load("ml-1m").interactions) == 3 and sent["asked"] == asked + 1, "a damaged copy is fetched again"
