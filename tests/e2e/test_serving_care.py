"""How a supervisor looks after its workers: the hung, the replaced, the damaged copy, the changed token, TLS."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from processes import Server, Starter, Version, Workspace, wait_until
from roadworthy.errors import NotReady, UnknownName
from roadworthy.jobs.restart import restart_workers
from roadworthy.node import WorkerState
from roadworthy.tokens import add_token
from roadworthy.traffic import Route
from streaming import stream

ROLLS = 20 if "ROADWORTHY_PROOF" in os.environ else 1


def states(server: Server) -> list[WorkerState]:
    """What the workers that serve say of themselves."""
    paths = (server.node.root / "workers").glob("[0-9]*.json")
    found = [server.node.read_state(int(path.stem)) for path in paths]
    return [state for state in found if state is not None and state.plan_number is not None]


def serving(server: Server, count: int = 2) -> set[int]:
    """Wait until that many workers serve, and return their processes."""
    wait_until(lambda: len(states(server)) == count, f"{count} serving workers")
    return {state.pid for state in states(server)}


def restarts(server: Server) -> dict[str, float]:
    """What the supervisor counted, by reason."""
    counted = msgspec.json.decode(server.node.supervisor_telemetry.read_bytes())
    return {key.split('"')[1]: value for key, value in counted["roadworthy_worker_restarts_total"].items()}


def test_a_hung_worker_is_killed_and_replaced(start: Starter, workspace: Workspace) -> None:
    """It is stopped, not dead: the kernel goes on giving it connections. Silence gives it away, and the log says so."""
    server = start.supervisor(workspace, "--hang-seconds", "5")
    before = serving(server)
    victim = min(before)
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: not os.path.exists(f"/proc/{victim}"), "the end of the hung worker", 15)
    after = serving(server)
    assert victim not in after
    assert len(before & after) == 1
    assert f"(process {victim}) has said nothing for 5 s and is killed" in server.log.read_text()
    assert restarts(server) == {"hung": 1}
    exported = server.ask("GET", "/metrics").content
    assert 'roadworthy_worker_restarts_total{reason="hung"} 1' in exported
    assert [server.predict().status for _ in range(10)] == [200] * 10


def test_workers_are_replaced_one_by_one_under_requests_without_a_failure(
    start: Starter, workspace: Workspace
) -> None:
    """SIGHUP again and again: every worker is another process afterwards, every request was answered, none twice."""
    server = start.supervisor(workspace)
    serving(server)
    with stream(server, 4) as client:
        for turn in range(1, ROLLS + 1):
            before = serving(server)
            server.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda turn=turn: server.log.read_text().count("all workers are replaced") == turn,
                f"the end of rolling restart {turn}",
                90,
            )
            wait_until(lambda: len(states(server)) == 2, "two serving workers")
            client.answered(20)
            assert not before & serving(server)
    assert client.failures == []
    assert client.broken == []
    assert restarts(server) == {"rolling": 2 * ROLLS}
    assert server.stop() == 0
    rows = [row["id"] for row in workspace.logged()]
    assert sorted(rows) == sorted(answer["ids"][0] for answer in client.answers)


def test_a_service_manager_and_a_person_are_told_how_the_node_is(
    start: Starter, workspace: Workspace, tmp_path: Path
) -> None:
    """Ready when it takes requests, new workers when somebody asks for them, stopping when it drains."""
    with pytest.raises(UnknownName, match="there is: none"):
        restart_workers(workspace.settings, "n", 60)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        server = start.supervisor(workspace, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
        assert server.ask("GET", "/v2/health/live").status == 200
        before = serving(server)
        assert 0 < restart_workers(workspace.settings, "n", 90) < 90
        assert not before & serving(server)
        assert server.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"
    with pytest.raises(NotReady, match="no supervisor serves"):
        restart_workers(workspace.settings, "n", 60)


def test_a_successor_that_cannot_serve_ends_the_rolling_restart(
    start: Starter, workspace: Workspace, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers that serve stay, and the log says why: a bad upgrade takes nobody down."""
    server = start.supervisor(workspace)
    before = serving(server)
    shutil.rmtree(workspace.settings.artifacts / versions[0].digest)
    damaged = server.node.staged / versions[0].digest / "features.json"
    damaged.write_bytes(damaged.read_bytes()[:-2])
    server.process.send_signal(signal.SIGHUP)
    complaint = "delay@1"
    wait_until(
        lambda: any(complaint in state.errors for state in all_states(server)),
        "a word about the damaged copy",
    )
    successor = next(state.pid for state in all_states(server) if complaint in state.errors)
    os.kill(successor, signal.SIGKILL)
    wait_until(lambda: "are not replaced any further, 2 go on" in server.log.read_text(), "the end of it")
    assert serving(server) == before
    assert server.predict().status == 200


def all_states(server: Server) -> list[WorkerState]:
    """What all workers say of themselves, serving or not."""
    paths = (server.node.root / "workers").glob("[0-9]*.json")
    found = [server.node.read_state(int(path.stem)) for path in paths]
    return [state for state in found if state is not None]


def test_a_copy_that_rots_is_staged_again_and_a_worker_that_needs_it_comes_back(
    start: Starter, workspace: Workspace, versions: list[Version]
) -> None:
    """The damage is named; the registered artifact is whole, so nobody has to do anything."""
    server = start.supervisor(workspace)
    before = serving(server)
    damaged = server.node.staged / versions[0].digest / "features.json"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-2])
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: "is damaged and is staged anew" in server.log.read_text(), "a word about the copy")
    wait_until(lambda: damaged.read_bytes() == whole, "a whole copy")
    assert len(serving(server)) == 2


def test_tokens_change_while_a_node_serves(start: Starter, workspace: Workspace, tmp_path: Path) -> None:
    """Each scope opens its own doors; a line that is removed closes them, a slip in the file changes nothing."""
    file = tmp_path / "tokens"
    predict = add_token(file, "booking", ["predict"])
    server = start.supervisor(workspace, environment={"ROADWORTHY_TOKENS_FILE": str(file)})
    serving(server)
    assert server.predict().status == 401
    server.headers["Authorization"] = f"Bearer {predict}"
    assert server.predict().status == 200
    assert server.ask("GET", "/metrics").status == 403
    assert server.ask("POST", "/v1/outcomes", {"outcomes": []}).status == 403
    read = add_token(file, "grafana", ["read"])
    server.headers["Authorization"] = f"Bearer {read}"
    # Each worker looks by itself, and any of them may answer.
    wait_until(
        lambda: {server.ask("GET", "/metrics").status for _ in range(20)} == {200}, "the new token", 10
    )
    assert server.predict().status == 403
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[1] + "nonsense\n")
    wait_until(lambda: "line 2: expected a name" in server.log.read_text(), "a word about the file", 10)
    assert predict not in server.log.read_text()
    server.headers["Authorization"] = f"Bearer {predict}"
    assert {server.predict().status for _ in range(20)} == {200}
    file.write_text(lines[1])
    wait_until(lambda: {server.predict().status for _ in range(20)} == {401}, "the end of the old token", 10)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine that it signed itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the command openssl, which makes the certificate of this test, is not installed")
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-out",
        str(made),
        "-keyout",
        str(key),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


def test_a_node_speaks_tls_with_the_files_it_is_given(
    start: Starter, workspace: Workspace, certificate: tuple[Path, Path]
) -> None:
    """A client that trusts the certificate gets its answer; one that does not speak TLS gets none."""
    made, key = certificate
    server = start.supervisor(workspace, "--tls-certificate", str(made), "--tls-key", str(key))
    serving(server)
    address = server.node.address.read_text().strip()
    assert address.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=str(made))
    with urllib.request.urlopen(f"{address}/v2/health/ready", context=trusting, timeout=20) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match="certificate verify failed"):
        urllib.request.urlopen(f"{address}/v2/health/ready", timeout=20)
    with pytest.raises(OSError):  # noqa: PT011  # reset, aborted or closed, as the platform has it
        server.ask("GET", "/v2/health/ready")
    assert server.stop() == 0


def test_an_open_address_without_tls_is_warned_of(
    start: Starter, workspace: Workspace, tmp_path: Path
) -> None:
    """Tokens in clear text are no secret; a proxy in front that does TLS makes it right, and has to be named."""
    file = tmp_path / "tokens"
    add_token(file, "booking", ["predict"])
    for options, warned in ((["--host", "0.0.0.0"], True), (["--host", "0.0.0.0", "--behind-proxy"], False)):
        server = start.supervisor(workspace, *options, environment={"ROADWORTHY_TOKENS_FILE": str(file)})
        serving(server)
        assert ("in clear text" in server.log.read_text()) == warned
        assert server.stop() == 0


def test_a_release_learns_at_once_why_a_node_cannot_load_a_version(
    start: Starter, workspace: Workspace, versions: list[Version]
) -> None:
    """The node's heartbeat carries the reason, long before anybody gives up waiting."""
    damaged = workspace.settings.artifacts / versions[1].digest / "features.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"UA", b"AU"))
    server = start.supervisor(workspace)
    serving(server)
    began = time.monotonic()
    workspace.plans.prepare("delay", 2)
    errors = wait_until(
        lambda: workspace.nodes.all()[0].errors.get("delay@2"), "the reason in the heartbeat", 10
    )
    assert "features.json" in errors
    assert time.monotonic() - began < 5
    workspace.plans.unprepare("delay", 2)
    wait_until(lambda: workspace.nodes.all()[0].errors == {}, "a clean heartbeat", 10)


def test_a_worker_that_starts_again_holds_up_no_rollback(start: Starter, workspace: Workspace) -> None:
    """What the others have prepared stays prepared while a place is empty."""
    server = start.supervisor(workspace)
    serving(server)
    workspace.plans.prepare("delay", 2)
    number = workspace.flip(Route(champion=2, standby=1))
    wait_until(lambda: server.serves(number), "version 2")
    victim = min(state.pid for state in states(server))
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert ("delay", 1) in workspace.nodes.all()[0].prepared
        time.sleep(0.05)
