"""Writes screenshots of the page to docs/screens/: `python3 tests/page/screens.py`. Look at each of them."""

import os
import sys

from rig import ROOT, binary, chromium
from run import Scene, install, work

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    install()

OUT = ROOT / "docs" / "screens"


def main():
    if not chromium():
        sys.exit("no chromium here (apt-get install chromium)")
    os.environ["MAESTRO_BINARY"] = binary()
    with sync_playwright() as playwright, Scene(playwright) as scene:
        scene.server.call("maestro_verify", {"commands": [], "workflow_id": scene.run})
        shots = [
            ("page-decide", f"decide/{scene.request}", 1280, 1500, "light"),
            ("page-decide-dark-400", f"decide/{scene.request}", 400, 2600, "dark"),
            ("page-queue-dark", "queue", 1280, 700, "dark"),
            ("page-run", f"runs/{scene.run}", 1280, 1000, "light"),
            ("page-metrics-dark", "metrics", 1280, 1400, "dark"),
            ("page-trust", "trust", 1280, 500, "light"),
        ]
        for name, path, width, height, scheme in shots:
            scene.page.set_viewport_size({"width": width, "height": height})
            scene.page.emulate_media(color_scheme=scheme)
            scene.go(path)
            scene.page.wait_for_timeout(400)
            scene.page.screenshot(path=str(OUT / f"{name}.png"))
            print(OUT / f"{name}.png")
        threads, thread, reviews, review, jobs, *_ = work(scene)
        for name, path, width, height, scheme in [("page-thread", thread, 1280, 900, "light"), ("page-review-dark-400", review, 400, 900, "dark"),
                                                  ("page-jobs", jobs, 1280, 500, "light"), ("page-metrics-cost-400", "metrics", 400, 3200, "light")]:
            scene.page.set_viewport_size({"width": width, "height": height})
            scene.page.emulate_media(color_scheme=scheme)
            scene.go(path)
            scene.page.wait_for_timeout(400)
            scene.page.screenshot(path=str(OUT / f"{name}.png"))
            print(OUT / f"{name}.png")
        scene.page.emulate_media(color_scheme="light")
        scene.page.click('button[name="lang"][value="ko"]')
        scene.page.set_viewport_size({"width": 1280, "height": 1500})
        scene.decide()
        scene.page.wait_for_timeout(400)
        scene.page.screenshot(path=str(OUT / "page-decide-ko.png"))


if __name__ == "__main__":
    main()
