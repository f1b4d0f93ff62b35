"""Tests the page in a real browser: `make test-page`. Arguments select tests by a part of their names.

Playwright drives Debian's chromium. It is installed into a cache outside the checkout. Without chromium, the
program prints that it skips the tests and ends with status 0, or with 1 if PAGE_NEEDS_BROWSER is set.
"""

import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from rig import Project, Server, Terminal, chromium, launch

HERE = Path(__file__).resolve().parent
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'>javascript:alert(3) \u202eevil\u2066 \x1b[2J {{ 7*7 }} ${7}'
DIFF = """--- a/inventory/stock.py
+++ b/inventory/stock.py
@@ -51,7 +51,7 @@
     def ship(self, sku, quantity):
         available = self.on_hand(sku)
         if quantity > available:
             raise OutOfStock(sku)
-        self._movements.append(Movement(sku, -quantity))
+        self._movements.append(Movement(normalise(sku), -quantity))
 
     def on_hand(self, sku):
--- a/tests/test_report.py
+++ b/tests/test_report.py
@@ -40,3 +40,8 @@
         ledger.ship("BOLT-M4", 30)
         self.assertEqual(shipped_by_item(ledger), [("Bolt M4", 30)])
 
+    def test_value_after_a_shipment_in_another_spelling(self):
+        ledger = stocked()
+        ledger.ship("bolt-m4 ", 50)
+        self.assertEqual(stock_value(ledger, "BOLT-M4"), 12.0)
+
"""
TASK = "two tests of the report fail since ship() exists: find out why and fix it"


def implementation(text="", diff=DIFF):
    return {
        "patch_plan": "Normalise the SKU where goods leave, as receive does, and add one test. " + text,
        "files_to_change": ["inventory/stock.py", "tests/test_report.py"],
        "diff": diff,
        "risks": ["Movements that were booked before this change keep their old spelling. " + text],
    }


class Scene:
    """A project with a pending request, and a browser on its page."""

    def __init__(self, playwright, stage="implement", outputs=None, task=TASK, environment=None, **context):
        self.project = Project()
        self.project.environment |= environment or {}
        self.server = Server(self.project)
        self.server.call("maestro_workflow_with_hitl", {"task": task, "start_stage": stage})
        asked = self.server.call(
            "maestro_request_approval", {"stage": stage, "outputs": outputs or implementation()}
        )
        self.request = asked["request_id"]
        self.run = asked["workflow_id"]
        self.terminal = Terminal(self.project)
        self.browser = launch(playwright)
        self.context = self.browser.new_context(viewport={"width": 1280, "height": 900}, **context)
        self.said = []
        self.foreign = []
        self.page = self.tab()
        self.page.goto(self.terminal.address())
        self.page.wait_for_url("**/queue")
        self.base = self.page.url.removesuffix("queue")

    def tab(self):
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append("dialog " + dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith("http://127.0.0.1:") or self.foreign.append(request.url))
        return page

    def go(self, path, page=None):
        (page or self.page).goto(self.base + path)

    def decide(self, page=None):
        self.go(f"decide/{self.request}", page)

    def begin_to_approve(self):
        """Opens the decision, waits until the page is live, and chooses to approve."""
        self.decide()
        self.page.wait_for_selector("#live:not([hidden])")
        self.page.check('input[name="decision"][value="approve"]', force=True)

    def decisions(self):
        events = subprocess.run(
            [os.environ["MAESTRO_BINARY"], "evidence", "export"],
            cwd=self.project.root, env=self.project.environment, capture_output=True, text=True, check=True,
        )
        return [line for line in events.stdout.splitlines() if '"approval_decided"' in line]

    def close(self):
        self.browser.close()
        try:
            self.terminal.kill()
        except OSError:
            pass
        self.server.close()
        self.project.remove()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                assert not self.foreign, f"requests to elsewhere: {self.foreign}"
                loud = [text for text in self.said if "409" not in text and "422" not in text]
                assert not loud, f"unexpected console messages: {loud}"
        finally:
            self.close()


CONSULTANT = """#!/usr/bin/env python3
import json, os, sys, time
if "--version" in sys.argv:
    sys.exit(print("codex-cli 9.9.9"))
if sys.argv[-2:] == ["login", "status"]:
    sys.exit()
prompt = sys.stdin.read()
say = lambda **event: print(json.dumps(event), flush=True)
say(type="thread.started", thread_id="t")
if "SPENT" in prompt:
    words = "You\u2019ve hit your usage limit. To get more access now, try again at Aug 27th, 2099 5:05 AM."
    say(type="error", message=words)
    say(type="turn.failed", error={"message": words})
    sys.exit(1)
hostile = %r
if "Report findings only" in prompt:
    finding = {"file": "stock.py", "line": 1, "quote": "def receive(stock, sku, count):", "claim": "A key is taken as it is written. " + hostile,
               "scenario": "A shipment that is spelt otherwise is counted apart. " + hostile, "severity": "high"}
    gone = dict(finding, quote="nothing of the kind stands here")
    text = json.dumps({"findings": [finding, gone]})
elif "SAMPLE" in prompt:
    time.sleep(1.5)
    text = "ANSWER: yes"
else:
    text = "See stock.py:1 `def receive(stock, sku, count):` and absent.py:9. " + hostile
say(type="item.completed", item={"type": "agent_message", "text": text})
say(type="turn.completed", usage={"input_tokens": 1100, "output_tokens": 70})
"""


def work(scene, hostile=""):
    """Fills all views of consultants: a conversation, a review, a job, a used-up limit. Returns the paths."""
    scene.project.cli("codex", CONSULTANT % hostile)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (git + ["init", "-q"], git + ["add", "-A"], git + ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(command, cwd=scene.project.root, check=True)
    (scene.project.root / "stock.py").write_text("def receive(stock, sku, count):\n    stock[sku] = stock.get(sku, 0) + count\n")
    ask = {"prompt": "Why are there two shelves? " + hostile, "provider": "codex", "context_facts": ["one fact " + hostile], "context_files": ["stock.py"]}
    first = scene.server.call("maestro_consult", ask)
    assert first["ok"], first
    second = scene.server.call("maestro_consult", {"prompt": "And now? " + hostile, "thread": first["thread"]})
    assert second["ok"], second
    review = scene.server.call("maestro_review", {"working": True, "providers": ["codex"], "try_fixes": False})
    assert review["ok"] and review["findings"], review
    job = scene.server.call("maestro_consult", {"prompt": "in the background " + hostile, "provider": "codex", "background": True})
    assert job["job"], job
    both = scene.server.call("maestro_ensemble_generate", {"task": "Why? " + hostile, "providers": ["codex"], "n_per_provider": 2})
    assert both["ok"], both
    spent = scene.server.call("maestro_consult", {"prompt": "SPENT", "provider": "codex"})
    assert spent["code"] == "quota_exceeded", spent
    return ["threads", f"threads/{first['thread']}", "reviews", f"reviews/{review['review_id']}", "jobs", "queue",
            f"compare/{both['ensemble_id']}", "metrics", "metrics?days=7"]


def views(scene):
    assert not scene.decisions()
    return ["queue", f"decide/{scene.request}", "runs", f"runs/{scene.run}", "compare",
            f"compare/{scene.request}", "votes", "metrics", f"metrics?run={scene.run}", "trust"]


def fits(page):
    """Elements that are wider than the screen, outside boxes that scroll."""
    return page.evaluate("""() => document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll('body *')]
        .filter(it => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest('.scroll, pre, .tabs, .sr'))
        .slice(0, 5).map(it => it.outerHTML.slice(0, 120)) : []""")


def contrast(page):
    """Texts whose contrast with their background is below WCAG AA."""
    return page.evaluate("""() => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
        const pen = canvas.getContext('2d', { willReadFrequently: true });
        const rgba = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
        const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
        const behind = (it) => { for (; it; it = it.parentElement) { const c = rgba(getComputedStyle(it).backgroundColor); if (c[3] === 255) return c; } return rgba(getComputedStyle(document.documentElement).colorScheme.includes('dark') ? '#000' : '#fff'); };
        const bad = new Set();
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const it = walk.currentNode.parentElement;
            if (!walk.currentNode.data.trim() || it.closest('.sr, .skip, [hidden], svg, dialog:not([open]), details:not([open]) > :not(summary)')) continue;
            const style = getComputedStyle(it);
            if (!it.getClientRects().length || style.opacity !== '1') continue;
            const [a, b] = [light(rgba(style.color)), light(behind(it))].sort((x, y) => y - x);
            const ratio = (a + .05) / (b + .05);
            if (ratio < 4.5) bad.add(`${ratio.toFixed(2)} ${it.tagName}.${it.className}: ${walk.currentNode.data.trim().slice(0, 40)}`);
        }
        return [...bad];
    }""")


def labels(page):
    """Fields, buttons, links and pictures without a name, a number of h1 other than one, and repeated ids."""
    return page.evaluate("""() => {
        const bad = [];
        for (const it of document.querySelectorAll('input:not([type=hidden]), textarea, select')) {
            if (!it.labels?.length && !it.getAttribute('aria-label')) bad.push(it.outerHTML.slice(0, 100));
        }
        for (const it of document.querySelectorAll('button:not([hidden]), a')) {
            if (!it.textContent.trim() && !it.getAttribute('aria-label')) bad.push(it.outerHTML.slice(0, 100));
        }
        for (const it of document.querySelectorAll('svg')) if (!it.getAttribute('aria-label')) bad.push('svg');
        if (document.querySelectorAll('h1').length !== 1) bad.push('h1');
        const ids = [...document.querySelectorAll('[id]')].map(it => it.id);
        for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push('twice: ' + id);
        return bad;
    }""")


def test_every_view_at_all_widths_and_in_both_schemes(playwright):
    with Scene(playwright) as scene:
        for path in views(scene):
            for width, scheme in [(1280, "light"), (400, "dark"), (360, "light"), (1600, "dark")]:
                scene.page.set_viewport_size({"width": width, "height": 800})
                scene.page.emulate_media(color_scheme=scheme)
                scene.go(path)
                where = f"{path} at {width} {scheme}"
                assert not fits(scene.page), f"{where}: {fits(scene.page)}"
                assert not contrast(scene.page), f"{where}: {contrast(scene.page)}"
                assert not labels(scene.page), f"{where}: {labels(scene.page)}"


def test_what_consultants_do_is_shown_at_all_widths_and_in_both_schemes(playwright):
    with Scene(playwright) as scene:
        paths = work(scene, HOSTILE)
        for path in paths:
            for width, scheme in [(1280, "light"), (400, "dark"), (360, "light")]:
                scene.page.set_viewport_size({"width": width, "height": 800})
                scene.page.emulate_media(color_scheme=scheme)
                scene.go(path)
                where = f"{path} at {width} {scheme}"
                assert not fits(scene.page), f"{where}: {fits(scene.page)}"
                assert not contrast(scene.page), f"{where}: {contrast(scene.page)}"
                assert not labels(scene.page), f"{where}: {labels(scene.page)}"
            acting = scene.page.evaluate("document.querySelectorAll('script:not([src]), img, iframe, object, [onerror], [style], a[href^=javascript]').length")
            text = scene.page.evaluate("document.documentElement.textContent")
            assert acting == 0 and not any(letter in text for letter in "\u202e\u2066\x1b"), path
        scene.page.set_viewport_size({"width": 1280, "height": 800})
        scene.go("threads")
        scene.page.keyboard.press("j")
        scene.page.keyboard.press("Enter")
        scene.page.wait_for_url("**/threads/*")
        scene.go(paths[1])
        shown = scene.page.inner_text("main")
        assert "Why are there two shelves?" in shown and "And now?" in shown, shown
        scene.page.click("details summary >> text=Places that it names >> nth=0")
        shown = scene.page.inner_text("main")
        assert "the quote is there" in shown and "not there" in shown, shown
        scene.go("jobs")
        shown = scene.page.inner_text("main")
        assert "2099" in shown and "maestro_consult" in shown, shown
        scene.page.keyboard.press("g")
        scene.page.keyboard.press("w")
        scene.page.wait_for_url("**/reviews")
        scene.page.click("[data-item]")
        shown = scene.page.inner_text("main")
        assert "stock.py:1" in shown and "quote found" in shown, shown
        scene.go("metrics")
        assert "By thread" in scene.page.inner_text("main")


def test_samples_of_a_vote_appear_while_it_is_under_way(playwright):
    # One call at a time, so that one sample exists while others are pending.
    with Scene(playwright, environment={"MAESTRO_MAX_PARALLEL": "1"}) as scene:
        scene.project.cli("codex", CONSULTANT % "")
        scene.go("votes")
        scene.page.evaluate("window.mark = 1")
        waiting = scene.server.begin("maestro_consensus_vote", {"question": "SAMPLE: is it so?", "providers": ["codex"], "k": 3})
        scene.page.wait_for_selector("text=A vote is under way", timeout=20_000)
        assert "ANSWER: yes" in scene.page.inner_text("main")
        scene.server.reply(waiting)
        scene.page.wait_for_selector("text=A vote is under way", state="detached", timeout=10_000)
        assert scene.page.evaluate("window.mark") == 1, "the page was loaded again"


def test_forced_colours_keep_what_colour_says(playwright):
    with Scene(playwright, forced_colors="active") as scene:
        for path in views(scene):
            scene.go(path)
            assert not fits(scene.page), path
        scene.decide()
        # Signs repeat the meaning of colours, and the chosen option looks different.
        signs = scene.page.evaluate("""() => ['add', 'del'].map(kind => [...new Set([...document.querySelectorAll(`.diff .${kind} .c`)]
            .map(it => getComputedStyle(it, '::before').content))])""")
        assert signs == [['"+"'], ['"\u2212"']], f"the signs of added and removed lines: {signs}"
        scene.page.keyboard.press("a")
        marked = scene.page.evaluate("""() => { const it = document.querySelector('input[name=decision][value=approve]').closest('label').querySelector('span');
            const style = getComputedStyle(it); return [style.outlineStyle, style.borderStyle, style.backgroundColor, style.forcedColorAdjust]; }""")
        other = scene.page.evaluate("""() => { const it = document.querySelector('input[name=decision][value=reject]').closest('label').querySelector('span');
            const style = getComputedStyle(it); return [style.outlineStyle, style.borderStyle, style.backgroundColor, style.forcedColorAdjust]; }""")
        assert marked != other, f"the chosen option looks like the other: {marked}"


def test_both_languages(playwright):
    with Scene(playwright) as scene:
        scene.page.set_viewport_size({"width": 400, "height": 800})
        for value in ("ko", "both"):
            scene.decide()
            scene.page.click(f'button[name="lang"][value="{value}"]')
            scene.page.wait_for_url(f"**/decide/{scene.request}")
            assert "이 변경을 승인합니까?" in scene.page.inner_text("h1"), value
            assert not fits(scene.page), fits(scene.page)


def test_keys_decide_and_enter_alone_does_not(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/decide/*")
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert not scene.decisions() and page.is_visible("#record")
        page.focus("#feedback")
        page.keyboard.type("ax\n?")
        assert page.input_value("#feedback") == "ax\n?"
        page.keyboard.press("Escape")
        page.keyboard.press("Shift+?")
        assert page.is_visible("#help")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#outcome")
        assert len(scene.decisions()) == 1 and "approved" in page.inner_text("#outcome")
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url("**/metrics")


def test_words_and_contradictions_are_asked_for(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        scene.decide()
        page.keyboard.press("r")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#problem")
        assert "needs words" in page.inner_text("#problem") and not scene.decisions()
        page.check('input[name="q_impl_approach"][value="2"]', force=True)
        page.keyboard.press("Escape")
        page.check('input[name="decision"][value="approve"]', force=True)
        page.click("#record")
        page.wait_for_selector("#problem")
        assert "contradict your decision" in page.inner_text("#problem") and not scene.decisions()
        assert page.is_checked('input[name="q_impl_approach"][value="2"]')
        page.click("#record")
        page.wait_for_selector("#outcome")
        assert len(scene.decisions()) == 1


def test_words_come_back_as_they_were_typed(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        scene.decide()
        for typed in ("\n\nDo not merge, this is wrong", "Do not merge, this is wrong\n", "\nDo not merge, this is wrong"):
            page.check('input[name="decision"][value="approve"]', force=True)
            page.fill("#feedback", typed)
            page.click("#record")
            page.wait_for_selector("#problem")
            assert page.input_value("#feedback") == typed, repr(page.input_value("#feedback"))
            scene.decide()
            page.evaluate("sessionStorage.clear()")
            scene.decide()
            assert page.input_value("#feedback") == ""
        assert not scene.decisions()


# Timers, because Playwright evaluates nothing while the browser waits for an answer.
STOPPED = "setTimeout(() => document.getElementById('record').click(), 50); setTimeout(() => window.stop(), 2000)"


def test_a_submit_that_does_not_arrive_can_be_repeated(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        scene.begin_to_approve()
        held = []
        page.route("**/decide/*", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
        page.evaluate(STOPPED)
        # An answer may take its time.
        page.wait_for_timeout(6_000)
        assert held and page.is_disabled("#record")
        page.unroute("**/decide/*")
        page.evaluate("{ const now = Date.now; Date.now = () => now() + 15_000; }")
        page.wait_for_selector("#record:enabled", timeout=10_000)
        page.click("#record")
        page.wait_for_selector("#outcome")
        assert len(scene.decisions()) == 1


def test_a_decision_whose_answer_is_lost_is_shown(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        scene.begin_to_approve()
        # The server takes the decision, but its answer does not reach the page.
        page.route("**/decide/*", lambda route: route.fetch(max_redirects=0) if route.request.method == "POST" else route.continue_())
        page.evaluate(STOPPED)
        page.wait_for_timeout(4_000)
        assert len(scene.decisions()) == 1 and page.is_disabled("#record")
        page.unroute("**/decide/*")
        page.evaluate("{ const now = Date.now; Date.now = () => now() + 15_000; }")
        page.wait_for_selector("#outcome", timeout=10_000)


def test_without_javascript_it_is_read_and_decided(playwright):
    with Scene(playwright, java_script_enabled=False) as scene:
        scene.decide()
        assert "normalise" in scene.page.inner_text("main")
        scene.page.check('input[name="decision"][value="reject"]', force=True)
        scene.page.fill("#feedback", "the wrong problem")
        scene.page.click("#record")
        assert "rejected" in scene.page.inner_text("#outcome")
        assert len(scene.decisions()) == 1


def test_hostile_text_does_nothing(playwright):
    large = "--- /dev/null\n+++ b/large.txt\n@@ -0,0 +1,10000 @@\n" + "".join(f"+{n} {HOSTILE}\n" for n in range(10_000)).replace("\x1b", "")
    outputs = implementation(HOSTILE, large) | {"files_to_change": ["large.txt", HOSTILE]}
    with Scene(playwright, outputs=outputs, task=HOSTILE) as scene:
        for path in views(scene):
            scene.go(path)
            # Only our two scripts and our styles may be active content.
            acting = scene.page.evaluate("document.querySelectorAll('script:not([src]), img, iframe, object, [onerror], [style], a[href^=javascript]').length")
            assert acting == 0, path
            text = scene.page.evaluate("document.documentElement.textContent")
            assert not any(letter in text for letter in "\u202e\u2066\x1b"), path
        assert not scene.said, scene.said


def test_a_stale_page_decides_nothing_and_two_pages_make_one_event(playwright):
    with Scene(playwright) as scene:
        one, other = scene.page, scene.tab()
        scene.decide(one)
        scene.decide(other)
        other.fill("#feedback", "keep me")
        one.check('input[name="decision"][value="approve"]', force=True)
        one.click("#record")
        one.wait_for_selector("#outcome")
        # The other page learns of the decision and keeps the typed text.
        other.bring_to_front()
        other.wait_for_selector("#decided:not([hidden])")
        assert other.input_value("#feedback") == "keep me" and other.is_disabled("#record")
        # The next heartbeats change nothing about it.
        other.wait_for_timeout(5_000)
        assert other.is_disabled("#record") and other.is_visible("#decided") and not other.is_visible("#gone")
        sent = other.evaluate("""async () => { const form = document.getElementById('form'); const data = new URLSearchParams(new FormData(form));
            data.set('decision', 'reject'); return (await fetch(form.action, { method: 'POST', body: data })).status; }""")
        assert sent == 409, sent
        assert len(scene.decisions()) == 1


def test_whoever_reads_for_long_can_still_record(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        scene.decide()
        page.wait_for_selector("#live:not([hidden])")
        # A page says after 10 s without an event that the server is gone.
        page.wait_for_timeout(13_000)
        assert page.is_enabled("#record") and not page.is_visible("#gone")
        page.check('input[name="decision"][value="approve"]', force=True)
        page.click("#record")
        page.wait_for_selector("#outcome")
        assert len(scene.decisions()) == 1


def test_what_happens_elsewhere_appears_by_itself(playwright):
    with Scene(playwright) as scene:
        page = scene.page
        page.wait_for_selector("#live:not([hidden])")
        other = Server(scene.project)
        other.call("maestro_workflow_with_hitl", {"task": "another"})
        other.call("maestro_request_approval", {"stage": "analyze", "outputs": {"observations": [{"fact": "f", "source": "s", "certainty": "high"}], "unknowns": ["u"]}})
        page.locator("[data-item]").nth(1).wait_for(timeout=5000)
        assert page.title().startswith("(2) ")
        other.close()


def test_a_page_whose_server_is_killed_says_so(playwright):
    scene = Scene(playwright)
    try:
        scene.decide()
        scene.page.fill("#feedback", "not lost")
        scene.page.wait_for_selector("#live:not([hidden])")
        scene.terminal.kill()
        scene.page.wait_for_selector("#gone:not([hidden])", timeout=20_000)
        assert scene.page.is_disabled("#record") and scene.page.input_value("#feedback") == "not lost"
        # A new page of the same project accepts the decision.
        scene.terminal = Terminal(scene.project, scene.request)
        page = scene.tab()
        page.goto(scene.terminal.address())
        page.wait_for_url("**/decide/*")
        page.check('input[name="decision"][value="approve"]', force=True)
        page.click("#record")
        page.wait_for_selector("#outcome")
        assert len(scene.decisions()) == 1
    finally:
        scene.close()


def test_other_sites_and_ports_get_nothing(playwright):
    with Scene(playwright) as scene:
        scene.decide()
        form = scene.page.evaluate("Object.fromEntries(new FormData(document.getElementById('form')))")
        port = scene.base.split(":")[2].split("/")[0]
        request = scene.context.request
        for host in (f"localhost:{port}", "evil.example", "127.0.0.1:1"):
            assert request.get(scene.base + "queue", headers={"Host": host}).status == 421, host
        for origin in ("http://evil.example", "null", f"http://localhost:{port}", "http://127.0.0.1:1"):
            answer = request.post(scene.base + f"decide/{scene.request}", form=form | {"decision": "approve"}, headers={"Origin": origin})
            assert answer.status == 403, origin
        assert not scene.decisions()
        # A page of another local server can neither frame the page nor send the form.
        directory = scene.project.home / "other"
        directory.mkdir()
        (directory / "index.html").write_text(f'<iframe src="{scene.base}queue"></iframe><form method="post" action="{scene.base}decide/{scene.request}"><input name="decision" value="approve"><button>go</button></form>')
        other = subprocess.Popen([sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONUNBUFFERED": "1"}, text=True)
        try:
            address = other.stdout.readline().split("(")[1].split(")")[0]
            page = scene.context.new_page()
            page.goto(address)
            framed = page.frames[1].content()
            assert TASK not in framed and scene.request not in framed, framed
            page.click("button")
            page.wait_for_timeout(500)
        finally:
            other.kill()
        assert not scene.decisions()


def test_a_dialog_of_the_client_leads_to_a_recorded_decision(playwright):
    """Stateless protocol: the call returns an address. After the decision, the repeated call goes on."""
    project = Project()
    server = Server(project, {"elicitation": {"form": {}, "url": {}}})
    try:
        server.call("maestro_workflow_with_hitl", {"task": TASK, "start_stage": "implement"})
        asked = server.call("maestro_request_approval", {"stage": "implement", "outputs": implementation()})
        arguments = {"request_id": asked["request_id"], "approved": False}
        result = server.reply(server.begin("maestro_submit_approval", arguments))
        assert result["resultType"] == "input_required", result
        (question,) = result["inputRequests"].values()
        assert question["params"]["mode"] == "url" and "stock.py" in question["params"]["message"], question
        browser = launch(playwright)
        page = browser.new_page()
        page.goto(question["params"]["url"])
        page.wait_for_url("**/decide/*")
        answered = {"inputResponses": {name: {"action": "accept"} for name in result["inputRequests"]}, "requestState": result["requestState"]}
        waiting = server.begin("maestro_submit_approval", arguments, answered)
        page.check('input[name="decision"][value="approve"]', force=True)
        page.evaluate("performance.mark('click')")
        began = time.monotonic()
        page.click("#record")
        reply = server.reply(waiting)
        print(f"    from click to reply: {(time.monotonic() - began) * 1000:.0f} ms")
        assert reply["structuredContent"]["decided_by"] == "page", reply
        browser.close()
    finally:
        server.close()
        project.remove()


def install():
    """Installs Playwright into its own cache and restarts this program with it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maestro-page-tests"
    python = cache / "bin" / "python"
    stamp = cache / "requirements.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if not python.exists() or not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")], check=True)
        stamp.write_text(wanted)
    os.execv(str(python), [str(python), str(HERE / Path(sys.argv[0]).name), *sys.argv[1:]])


def main():
    if not chromium():
        print("SKIPPED: no chromium here, so the page was not tested in a browser (apt-get install chromium)")
        return 1 if os.environ.get("PAGE_NEEDS_BROWSER") else 0
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        try:
            install()
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"SKIPPED: Playwright cannot be installed, so the page was not tested in a browser: {error}")
            return 1 if os.environ.get("PAGE_NEEDS_BROWSER") else 0
    from rig import binary

    os.environ["MAESTRO_BINARY"] = binary()
    names = [name for name in sys.argv[1:] if not name.startswith("--")]
    short = "--short" in sys.argv
    tests = {name.removeprefix("test_"): test for name, test in globals().items() if name.startswith("test_")}
    if short:
        tests = {name: tests[name] for name in ("keys_decide_and_enter_alone_does_not", "hostile_text_does_nothing", "without_javascript_it_is_read_and_decided")}
    failed = 0
    for name, test in tests.items():
        if names and not any(part in name for part in names):
            continue
        began = time.monotonic()
        try:
            with sync_playwright() as playwright:
                test(playwright)
            print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}", flush=True)
            traceback.print_exc()
    print(f"{failed} failed" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
