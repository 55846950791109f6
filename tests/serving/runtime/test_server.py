"""The command as it runs: a process, its port, its signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_source
from clausetag.data.errors import ClausetagError
from clausetag.serving.runtime.server import listen
from tests.serving.process import ask, metric, read_all, service, until

LONG = json.dumps({"text": read_source("002_clicentrix") * 3, "scores": False}).encode()


def test_sigterm_lets_the_requests_in_flight_finish() -> None:
    with service("--notice-seconds", "1", "--deadline-seconds", "300", "--grace-seconds", "300") as running:
        with ask(running.address, LONG) as connection:
            until(lambda: metric(running, "clausetag_queue_requests") == 1)
            running.process.send_signal(signal.SIGTERM)
            until(lambda: running.said("draining"))
            with ask(running.address, b'{"text": "We encrypt it."}') as late:
                assert late.recv(65536).startswith(b"HTTP/1.1 503 ")
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body)["sentences"]
        assert running.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(running.address, timeout=5)


def test_after_the_grace_requests_are_cut_off_cleanly() -> None:
    patient = ("--deadline-seconds", "300")
    with service("--grace-seconds", "1", *patient) as running, ExitStack() as stack:
        connection = stack.enter_context(ask(running.address, LONG))
        until(lambda: metric(running, "clausetag_queue_requests") == 1)
        # The request's process is stopped by a crowd of others in front of it.
        crowd = [stack.enter_context(ask(running.address, LONG)) for _ in range(12)]
        until(lambda: metric(running, "clausetag_queue_requests") == 13)
        running.process.send_signal(signal.SIGTERM)
        answers = [read_all(each) for each in (connection, *crowd)]
        statuses = {answer.split(b" ", 2)[1] for answer in answers}
        assert b"503" in statuses and statuses <= {b"200", b"503"}
        cut = next(answer for answer in answers if b" 503 " in answer)
        assert json.loads(cut.partition(b"\r\n\r\n")[2])["error"]["code"] == "draining"
        assert running.wait() == 0


def test_a_second_signal_stops_at_once() -> None:
    with service("--deadline-seconds", "300", "--grace-seconds", "300") as running, ExitStack() as stack:
        crowd = [stack.enter_context(ask(running.address, LONG)) for _ in range(20)]
        until(lambda: metric(running, "clausetag_queue_requests") == 20)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.said("draining"))
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() == 0
        assert any(b" 503 " in read_all(each)[:20] for each in crowd), "otherwise all of them would be answered"


def test_it_ends_after_the_grace_though_the_service_itself_hangs() -> None:
    code = (
        "import time\nfrom clausetag.serving.runtime.service import Service\n"
        "async def stop(_): time.sleep(600)\nService.stop = stop"
    )
    with service("--grace-seconds", "1", code=code) as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() == 1


def test_a_model_that_cannot_be_loaded_is_exit_code_1() -> None:
    code = (
        "from clausetag.data.errors import ArtifactError\nfrom clausetag.model.tagger import Tagger\n"
        "def load(*_, **__): raise ArtifactError('damaged')\nTagger.load = load\n"
        "import sys\nfrom clausetag.cli import main\nsys.exit(main(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert any(row["event"] == "the model could not be loaded" and row["reason"] == "damaged" for row in rows)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (98, "Address already in use (while attempting to bind on address ('::1', 80))"),
        (10048, "Address already in use"),  # Windows has other numbers, which os.strerror does not know
    ],
)
def test_a_taken_address_is_explained_on_every_system(
    number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object, **__: object) -> None:
        raise OSError(number, message)

    monkeypatch.setattr(socket, "create_server", taken)
    with pytest.raises(ClausetagError, match=r"^cannot listen on 127\.0\.0\.1, port 80: Address already in use$"):
        listen("127.0.0.1", 80)


def test_slow_and_hostile_connections_are_closed() -> None:
    with service("--read-seconds", "1") as running:
        silent = socket.create_connection(running.address, timeout=30)
        loris = socket.create_connection(running.address, timeout=30)
        loris.sendall(b"GET /livez HTTP/1.1\r\nX-A: b\r\n")
        body = ask(running.address, b"")
        body.close()
        slow = socket.create_connection(running.address, timeout=30)
        slow.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        kept = socket.create_connection(running.address, timeout=30)
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        kept.sendall(b"GET /livez HTTP/1.1\r\n")
        assert silent.recv(1) == b"" and loris.recv(1) == b""
        assert kept.recv(65536).rpartition(b"}")[2] == b"" and kept.recv(1) == b""
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
        nonsense = socket.create_connection(running.address, timeout=30)
        nonsense.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert nonsense.recv(65536).startswith(b"HTTP/1.1 400 ")
        huge = socket.create_connection(running.address, timeout=30)
        huge.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000)
        assert huge.recv(65536).startswith(b"HTTP/1.1 400 ")
        for each in (silent, loris, kept, slow, nonsense, huge):
            each.close()
        with urllib.request.urlopen(f"{running.url}livez") as response:
            assert response.status == 200
        running.process.send_signal(signal.SIGINT)
        assert running.wait() == 0


def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    for options, part in (
        (["--port", "x"], "--port 'x': input should be a valid integer"),
        (["--port", "70000"], "--port"),
        (["--max-queue", "0"], "--max-queue '0': input should be greater than 0"),
        (["--deadline-seconds", "nan"], "--deadline-seconds"),
        (["--cors-origins", "*"], "--cors-origins"),
        (["--model", str(tmp_path)], "not a complete clausetag model"),
        (["--api-key-file", str(tmp_path / "none")], "the key cannot be read"),
        (["--port", str(taken.getsockname()[1])], "cannot listen on 127.0.0.1"),
        (["--host", "256.0.0.1.invalid"], "cannot listen on"),
    ):
        assert main(["serve", *options]) == 2
        error = capsys.readouterr().err
        assert part in error and error.count("\n") == 1, error
    taken.close()


def test_a_missing_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from clausetag.cli import main; sys.exit(main(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "clausetag: this command needs fastapi; run pip install '.[serve]' in clausetag's folder\n"


def test_help_loads_neither_the_server_nor_the_model() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = sys.modules['uvicorn'] = sys.modules['onnxruntime'] = None\n"
        "from clausetag.cli import main; main(['serve', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "--max-queue" in done.stdout


def test_an_answer_does_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm is off on the connections that the listener accepts."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
