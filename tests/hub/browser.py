"""A headless Chromium, driven by its DevTools protocol over websockets: a page, eyes, a hand."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
STEP_SECONDS = 60
LOOK_AGAIN = 0.15


class Browser:
    """One Chromium; each user gets a profile of their own with `open`."""

    def __init__(self, folder: Path) -> None:
        if CHROMIUM is None:
            pytest.skip("no browser: install Debian's chromium")
        self._folder = tempfile.mkdtemp(prefix="chromium-", dir=folder)
        self._log = (folder / "chromium.log").open("ab")
        self._process = subprocess.Popen(
            [
                CHROMIUM, "--headless=new", "--remote-debugging-port=0", "--disable-gpu",
                "--no-first-run", "--disable-dev-shm-usage", "--window-size=1400,1000",
                "--disable-background-networking", f"--user-data-dir={self._folder}",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                "about:blank",
            ],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        port = Path(self._folder) / "DevToolsActivePort"
        end = time.monotonic() + STEP_SECONDS
        while not (port.is_file() and "\n" in port.read_text()):
            if self._process.poll() is not None or time.monotonic() > end:
                self.close()
                pytest.fail((folder / "chromium.log").read_text()[-2000:])
            time.sleep(LOOK_AGAIN)
        number, path = port.read_text().splitlines()
        self.address = f"127.0.0.1:{number}"
        self._control = Wire(f"ws://{self.address}{path}")

    def open(self, url: str = "about:blank", *, profile: str = "") -> "Page":
        """A new tab, in a new profile unless one is given."""
        profile = profile or self._control.ask("Target.createBrowserContext")["browserContextId"]
        made = self._control.ask("Target.createTarget", url=url, browserContextId=profile)
        return Page(self, made["targetId"], profile)

    def tab_of(self, page: "Page", *, other_than: set[str]) -> "Page":
        """The tab that something in a page opened."""
        end = time.monotonic() + STEP_SECONDS
        while time.monotonic() < end:
            for target in self._control.ask("Target.getTargets")["targetInfos"]:
                mine = target["type"] == "page" and target["browserContextId"] == page.profile
                if mine and target["targetId"] not in other_than:
                    return Page(self, target["targetId"], page.profile)
            time.sleep(LOOK_AGAIN)
        raise AssertionError("no tab was opened")

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Wire:
    """Questions and answers of the DevTools protocol; what nobody asked for is dropped."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(
            address, timeout=STEP_SECONDS, suppress_origin=True
        )
        self._last = 0

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": values}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]


class Page:
    """A tab."""

    def __init__(self, browser: Browser, target: str, profile: str) -> None:
        self.browser, self.target, self.profile = browser, target, profile
        self._wire = Wire(f"ws://{browser.address}/devtools/page/{target}")
        for part in ("Page", "Runtime"):
            self._wire.ask(f"{part}.enable")

    @property
    def url(self) -> str:
        return self.run("location.href")

    def go(self, url: str) -> None:
        self._wire.ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self._wire.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = STEP_SECONDS) -> Any:
        """Wait until an expression is true in whatever page is there by then; its value."""
        seen = self.sees(script, seconds=seconds)
        if seen:
            return seen
        self.picture(Path(tempfile.gettempdir()) / "darkroom-hub-last-page.png")
        raise AssertionError(f"in vain: {script}\nat {self.url}\n{self.text()[-1500:]}")

    def sees(self, script: str, *, seconds: float) -> Any:
        """The value of an expression as soon as it is true, or None when the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                seen = self.run(script)
            except AssertionError:  # between two pages there is none
                seen = None
            if seen:
                return seen
            time.sleep(LOOK_AGAIN)
        return None

    def text(self, selector: str = "body") -> str:
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def write(self, selector: str, words: str) -> None:
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self._wire.ask("Input.insertText", text=words)

    def click(self, element: str) -> None:
        """Click the middle of what an expression finds, as a hand would."""
        place = self.wait(
            f"""(() => {{ const e = {element}; if (!e) return null;
            e.scrollIntoView({{block: "center"}});
            const r = e.getBoundingClientRect();
            return r.width ? [r.x + r.width / 2, r.y + r.height / 2] : null; }})()"""
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._wire.ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                button="none" if kind == "mouseMoved" else "left",
                clickCount=0 if kind == "mouseMoved" else 1,
            )  # fmt: skip

    def cookies(self) -> dict[str, dict[str, Any]]:
        return {c["name"]: c for c in self._wire.ask("Network.getCookies")["cookies"]}

    def get(self, url: str) -> httpx.Response:
        """What this browser's cookies get from an address, redirects not followed."""
        found = self._wire.ask("Network.getCookies", urls=[url])["cookies"]
        pairs = "; ".join(f"{c['name']}={c['value']}" for c in found)
        return httpx.get(url, headers={"Cookie": pairs}, timeout=STEP_SECONDS)

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._wire.ask("Page.bringToFront")
        data = self._wire.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
