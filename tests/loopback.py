"""An HTTP or HTTPS server on loopback that serves files, and misbehaves as asked."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import ssl
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

GARBAGE = b"<html><body>504 Gateway Time-out</body></html>\n" * 40


class Archive:
    """The server's state: files by name, faults still to happen, requests seen.

    Faults, one for each request that is answered with a file:
      cut:N         the connection ends after N bytes of the answer
      slow          an eighth of the answer at a time, with pauses
      stall         nothing for a second, then the end
      garbage       an error page, with status 200
      status:N      status N
      later:S       status 429 with Retry-After: S
      redirect:URL  status 302
      no-length     the answer ends when the connection does, half of it missing
      gzip          a transfer that is called compressed
      flip          the last byte is another one
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, deque[str]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.sent: dict[str, int] = {}
        self.ranges = True
        self.wrong_range = False
        self.url = ""
        # What answers a POST: path and body to status and body.
        self.post: Callable[[str, bytes], tuple[int, bytes]] = lambda path, body: (404, b"")

    def fail(self, name: str, *faults: str) -> None:
        """Let the next answers for a file have these faults; `always:` repeats one."""
        self.faults.setdefault(name, deque()).extend(faults)

    def next_fault(self, name: str) -> str:
        queue = self.faults.get(name)
        if not queue:
            return ""
        if queue[0].startswith("always:"):
            return queue[0].removeprefix("always:")
        return queue.popleft()

    def asked(self, name: str) -> list[str | None]:
        """The Range headers of all requests for a file."""
        return [span for path, span in self.requests if path == name]


def handler(archive: Archive) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            archive.requests.append((name, self.headers.get("Range")))
            fault, _, value = archive.next_fault(name).partition(":")
            if name not in archive.files:
                self.plain(404, b"no such file")
            elif fault == "status":
                self.plain(int(value), b"busy")
            elif fault == "later":
                self.plain(429, b"slow down", {"Retry-After": value})
            elif fault == "redirect":
                self.plain(302, b"", {"Location": value})
            elif fault == "garbage":
                self.plain(200, GARBAGE, {"Content-Type": "text/html"})
            else:
                self.file(name, fault, value)

        def do_POST(self) -> None:
            name = self.path.lstrip("/")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            archive.requests.append((name, None))
            fault, _, value = archive.next_fault(name).partition(":")
            status, answer = archive.post(name, body)
            if fault == "status":
                status, answer = int(value), b"busy"
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.close_connection = fault == "cut"
            self.wfile.write(answer[: int(value)] if fault == "cut" else answer)

        def plain(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, text)
            self.end_headers()
            self.wfile.write(body)

        def file(self, name: str, fault: str, value: str) -> None:
            content = archive.files[name]
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            start, span = 0, self.headers.get("Range")
            fresh = self.headers.get("If-Range", tag) == tag
            if span and archive.ranges and fresh:
                start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content) > 0 and start:
                self.plain(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            body = content[start:]
            if fault == "flip":
                body = body[:-1] + bytes([body[-1] ^ 1])
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            if start:
                said = 0 if archive.wrong_range else start
                self.send_header("Content-Range", f"bytes {said}-{len(content) - 1}/{len(content)}")
            if fault == "gzip":
                self.send_header("Content-Encoding", "gzip")
            if fault == "no-length":
                self.send_header("Connection", "close")
                body = body[: len(body) // 2]
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == "cut":
                body = body[: int(value)]
                self.close_connection = True
            if fault == "stall":
                self.close_connection = True
                time.sleep(1)
                return
            step = max(1, len(body) // 8) if fault == "slow" else 1 << 16
            for first in range(0, len(body), step):
                self.wfile.write(body[first : first + step])
                archive.sent[name] = archive.sent.get(name, 0) + len(body[first : first + step])
                if fault == "slow":
                    time.sleep(float(value or 0.02))

        def handle_one_request(self) -> None:
            # Of a client that was killed.
            with contextlib.suppress(OSError):
                super().handle_one_request()

    return Handler


def certify(folder: Path) -> tuple[Path, Path]:
    """Write a key, and a certificate for 127.0.0.1 that it signs itself; return their paths."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return key, certificate


@contextlib.contextmanager
def serve(
    folder: Path | None = None, identity: tuple[Path, Path] | None = None
) -> Iterator[Archive]:
    """Serve the files of a folder, or those put into `Archive.files`, on a free port.

    With an `identity`, the key and the certificate of `certify`, by HTTPS.
    """
    archive = Archive()
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file():
            archive.files[path.relative_to(folder).as_posix()] = path.read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(archive))
    server.daemon_threads = True
    if identity:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity[1], identity[0])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if identity else "http"
    archive.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
