"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const [sound, playhead, now, track, scroll, zoom, find, found] =
    ["sound", "playhead", "now", "track", "scroll", "zoom", "find", "found"].map((id) => document.getElementById(id));
  if (!track) return;
  const rows = all(".turns li").map((row) => ({
    row,
    number: row.dataset.turn,
    start: Number(row.dataset.start),
    end: Number(row.dataset.end),
    button: row.querySelector(".play"),
    block: document.querySelector(`.turn[data-turn="${row.dataset.turn}"]`),
    text: row.textContent.toLowerCase(),
  }));
  const byNumber = new Map(rows.map((one) => [one.number, one]));
  const seconds = Number(track.dataset.seconds);
  const lengths = rows.map((one) => one.end - one.start).sort((a, b) => a - b);
  const usual = lengths[lengths.length >> 1];
  let current = null;

  function mark(one) {
    if (one !== current) {
      for (const [which, on] of [[current, false], [one, true]]) {
        if (!which) continue;
        which.row.classList.toggle("now", on);
        which.block.classList.toggle("now", on);
        if (on) which.row.setAttribute("aria-current", "true");
        else which.row.removeAttribute("aria-current");
      }
      current = one;
    }
    if (!sound) return;
    for (const { button, row } of rows) {
      const playing = row === (one && one.row) && !sound.paused;
      if (button.classList.contains("on") === playing) continue;
      button.classList.toggle("on", playing);
      button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^\w+/, playing ? "Pause" : "Play"));
    }
    now.textContent = one ? `${one.row.querySelector(".speaker").textContent}, ${one.row.querySelector(".emotion").innerText}` : "";
  }

  function play(one, at = one.start) {
    sound.currentTime = at;
    mark(one);
    sound.play().catch((error) => { now.textContent = `This browser cannot play the sound: ${error.message}`; });
  }

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  function show(one) {
    if (one.row.hidden) { find.value = ""; search(); }
    one.row.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    if (sound) play(one);
    else mark(one);
  }

  for (const one of rows) {
    one.block.addEventListener("click", () => show(one));
    if (one.button) one.button.addEventListener("click", () => {
      if (one === current && !sound.paused) sound.pause();
      else play(one);
    });
    if (sound) one.row.querySelector(".words").addEventListener("click", (event) => {
      const word = event.target.closest("[data-at]");
      if (word) play(one, Number(word.dataset.at));
    });
  }
  for (const jump of all(".jump")) jump.addEventListener("click", () => show(byNumber.get(jump.dataset.turn)));

  if (sound) {
    const follow = () => {
      const at = sound.currentTime;
      const share = `${Math.min((100 * at) / seconds, 100)}%`;
      playhead.setAttribute("x1", share);
      playhead.setAttribute("x2", share);
      playhead.classList.toggle("on", at > 0);
      const here = rows.filter((one) => one.start <= at + 0.02 && at < one.end);
      mark(here.includes(current) ? current : here.pop() || null);
    };
    for (const event of ["timeupdate", "seeked", "play", "pause", "ended"]) sound.addEventListener(event, follow);
    sound.addEventListener("error", () => {
      now.textContent = sound.src.startsWith("data:")
        ? "This browser cannot play the sound in this page." : "The recording is not where this page looks for it.";
    });
  }

  function rescale() {
    const times = 2 ** Number(zoom.value);
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
    track.style.width = `${100 * times}%`;
    track.classList.toggle("dense", (track.clientWidth / seconds) * usual < 10);
    scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
    for (const level of all("[data-least]")) level.style.display = times >= Number(level.dataset.least) ? "inline" : "none";
  }
  zoom.addEventListener("input", rescale);
  addEventListener("resize", rescale);
  rescale();
  zoom.parentElement.hidden = zoom.max === "0";

  function search() {
    const wanted = find.value.trim().toLowerCase();
    let count = 0;
    for (const { row, text } of rows) {
      row.hidden = !text.includes(wanted);
      count += !row.hidden;
    }
    found.textContent = wanted ? `${count} of ${rows.length} turns` : "";
  }
  find.addEventListener("input", search);
  find.parentElement.hidden = false;
})();
