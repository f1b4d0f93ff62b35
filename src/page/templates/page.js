// The page's script: it keeps the page current, keeps a draft, and reads keys. Without it
// everything can be read and decided all the same.
"use strict";
(() => {
  const root = document.documentElement, base = root.dataset.base;
  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const main = byId("main"), form = byId("form");

  // The reasons why nothing can be recorded now: "gone", "decided" or "submitted". One that ends says
  // nothing about the others.
  const stops = new Set();
  let submitted = 0;
  const setStop = (reason, stopped) => {
    if (stopped) stops.add(reason); else stops.delete(reason);
    if (byId("record")) byId("record").disabled = stops.size > 0;
  };
  // A browser may restore a button as it was left, or a whole page as it was sent.
  setStop("submitted", false);
  addEventListener("pageshow", (event) => { if (event.persisted) setStop("submitted", false); });

  // A draft, for the same digest only.
  if (form) {
    const key = "draft " + form.dataset.draft;
    const fields = () => all("input, textarea").filter((it) => it.form === form && it.type !== "hidden");
    const keep = () => {
      const kept = {};
      for (const it of fields()) {
        if (it.type === "radio") { if (it.checked) kept[it.name] = it.value; } else if (it.value) kept[it.name] = it.value;
      }
      sessionStorage.setItem(key, JSON.stringify(kept));
    };
    if (!byId("problem")) {
      try {
        const kept = JSON.parse(sessionStorage.getItem(key) || "{}");
        for (const it of fields()) {
          if (!(it.name in kept)) continue;
          if (it.type === "radio") it.checked = it.value === kept[it.name]; else it.value = kept[it.name];
        }
      } catch { sessionStorage.removeItem(key); }
    }
    document.addEventListener("input", keep);
    document.addEventListener("change", keep);
    form.addEventListener("submit", (event) => {
      // Enter in a field chooses the form's first button, which records nothing.
      if (stops.size || event.submitter?.name === "stray") return event.preventDefault();
      submitted = Date.now();
      setStop("submitted", true);
    });
    byId("problem")?.scrollIntoView({ block: "center" });
  } else if (main?.dataset.digest) sessionStorage.removeItem("draft " + main.dataset.digest);

  // Live: one stream while the tab is seen.
  const live = byId("live");
  let stream = null, heard = Date.now(), seen = null, busy = false, stale = false;
  const setGone = (gone) => {
    root.classList.toggle("gone", gone);
    live?.classList.toggle("off", gone);
    if (byId("gone")) byId("gone").hidden = !gone;
    setStop("gone", gone);
  };
  const isTyping = () => {
    const at = document.activeElement;
    return at && at.matches("textarea, input:not([type=radio]), select") && at.value !== "";
  };
  const swap = async () => {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of all("[data-swap]")) {
      const other = next.getElementById(part.id);
      if (!other || other.innerHTML === part.innerHTML || (isTyping() && part.contains(document.activeElement))) continue;
      const open = all("details[id]", part).filter((it) => it.open).map((it) => it.id);
      const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      part.replaceChildren(...other.childNodes);
      for (const id of open) if (byId(id)) byId(id).open = true;
      if (focused) all("a", part).find((it) => it.getAttribute("href") === focused)?.focus();
    }
  };
  // What happens while a view is fetched may be missing in it, so it is fetched once more.
  const refresh = async () => {
    stale = true;
    if (busy) return;
    busy = true;
    try {
      while (stale) { stale = false; await swap(); }
    } catch { stale = true; } finally { busy = false; }
  };
  const show = (state) => {
    const count = byId("count"), waiting = state.waiting.length;
    if (count) { count.firstChild.textContent = waiting; count.dataset.count = waiting; }
    document.title = (waiting ? `(${waiting}) ` : "") + document.title.replace(/^\(\d+\) /, "");
    if (seen && state.waiting.some((id) => !seen.waiting.includes(id))) byId("said").textContent = byId("said").dataset.more;
    // Somebody decided: the form would come back with a 409, so the outcome is shown at once. After our own
    // submit, the answer to it shows the outcome.
    if (form && main.hasAttribute("data-open") && !stops.has("submitted") && !state.waiting.includes(main.dataset.request)) {
      setStop("decided", true);
      if (!isTyping() && !all("textarea").some((it) => it.form === form && it.value)) return location.reload();
      byId("decided")?.removeAttribute("hidden");
    }
    if (stale || seen === null || seen.last !== state.last) refresh();
    seen = state;
  };
  const hear = () => {
    heard = Date.now();
    setGone(false);
    // A submit that was stopped on its way gets no answer, so the form opens again, and what was passed over
    // meanwhile is shown. A second submit is harmless, because the server takes one decision.
    if (stops.has("submitted") && heard - submitted > 15000) {
      setStop("submitted", false);
      if (seen) show(seen);
    }
  };
  const listen = () => {
    if (stream || document.hidden || !base || !live) return;
    heard = Date.now();
    stream = new EventSource(base + "events");
    stream.addEventListener("log", (event) => { hear(); show(JSON.parse(event.data)); });
    stream.addEventListener("beat", hear);
    live.hidden = false;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream?.close(); stream = null; } else listen();
  });
  setInterval(() => {
    if (!stream || Date.now() - heard <= 10000) return;
    setGone(true);
    // Whoever stops a page on its way stops the stream too, and no browser opens it again.
    if (stream.readyState === EventSource.CLOSED) { stream = null; listen(); }
  }, 1000);
  listen();

  // Keys. Single ones rest while somebody types, and where they are turned off.
  let after = null;
  const choose = (value) => {
    const radio = all('input[name="decision"]').find((it) => it.value === value);
    if (!radio) return;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    if (value === "revise") byId("feedback").focus(); else radio.focus();
  };
  const move = (by) => {
    const items = all("[data-item]"), at = items.indexOf(document.activeElement);
    items[Math.max(0, Math.min(items.length - 1, at + by))]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("textarea, select, input:not([type=radio]):not([type=hidden])");
    if (event.key === "Escape" && typing) return event.target.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form) {
      event.preventDefault();
      if (!byId("record").disabled) form.requestSubmit(byId("record"));
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || root.dataset.keys === "off" || byId("help")?.open) return;
    const key = event.key;
    if (after === "g") {
      after = null;
      const link = all("[data-go]").find((it) => it.dataset.go === key);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const acts = { g: () => { after = "g"; }, a: () => choose("approve"), r: () => choose("revise"), x: () => choose("reject"),
      j: () => move(1), k: () => move(-1), "?": () => byId("help")?.showModal() };
    if (Object.hasOwn(acts, key)) { event.preventDefault(); acts[key](); }
  });
})();
