"""A headless Chromium for tests, through chromedriver's own protocol (W3C WebDriver, HTTP)."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "Chromium and its driver are not installed (Debian: chromium, chromium-driver)"
DESKTOP, PHONE = (1280, 900), (390, 844)


class Browser:
    """One window of a given size; a context manager.

    Parameters
    ----------
    size : pair of int
        Width and height in CSS pixels; phones are emulated, with touch and their own viewport.
    """

    def __init__(self, size: tuple[int, int] = DESKTOP) -> None:
        self.size = size
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.session = ""

    def __enter__(self) -> Browser:
        self.driver = subprocess.Popen(
            [DRIVER, f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        width, height = self.size
        options = {
            "binary": CHROMIUM,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                # Nothing is fetched: what a page needs is in it.
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--window-size={width},{height}",
            ],
        }
        if width < 600:
            metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = self._send(
                    "POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, timeout=120
                )
                break
            except (ConnectionError, urllib.error.URLError):
                if time.monotonic() > deadline or self.driver.poll() is not None:
                    self.driver.kill()
                    raise
                time.sleep(0.2)
        self.session = f"/session/{answer['sessionId']}"
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._send("DELETE", self.session)
        except (ConnectionError, urllib.error.URLError, TimeoutError):
            pass
        finally:
            self.driver.terminate()
            self.driver.wait(30)

    def _send(
        self, method: str, path: str, body: dict | None = None, timeout: float = 120
    ) -> object:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if method != "POST" else json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            reason = json.load(error)["value"]["message"]
            raise AssertionError(f"{method} {path}: {reason}") from error

    def open(self, path: Path) -> None:
        """Open a local file and wait until it has loaded."""
        self._send("POST", f"{self.session}/url", {"url": path.resolve().as_uri()})

    def run(self, script: str, *arguments: object) -> object:
        """Run JavaScript; return what it returns."""
        body = {"script": script, "args": list(arguments)}
        return self._send("POST", f"{self.session}/execute/sync", body)

    def wait(self, script: str, seconds: float = 30) -> object:
        """Run JavaScript again and again until it returns something true."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing after {seconds:g} s: {script}")
            time.sleep(0.1)
        return found

    def into_frame(self, number: int | None) -> None:
        """Go into a frame of the page by its number, or back to the page with None."""
        self._send("POST", f"{self.session}/frame", {"id": number})

    def errors(self) -> list[str]:
        """Return the errors in the console since the last call."""
        entries = self._send("POST", f"{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        """Write the window as PNG."""
        path.write_bytes(base64.b64decode(self._send("GET", f"{self.session}/screenshot")))
