/* Keys of the viewer, and the dialog that lists them. */
"use strict";
(() => {
  /* do: what the keys do. -> [key, as it is written, what it does, function] of each; Shift makes a capital letter. */
  const keysOf = (act) => [
    [" ", "Space", "play or pause", () => act.play()],
    ["ArrowLeft", "←", "one step back", () => act.move(-1)],
    ["ArrowRight", "→", "one step on", () => act.move(1)],
    ["Shift ArrowLeft", "Shift ←", "ten steps back", () => act.move(-10)],
    ["Shift ArrowRight", "Shift →", "ten steps on", () => act.move(10)],
    ["Home", "Home", "the first step", () => act.move(-Infinity)],
    ["End", "End", "how it ended", () => act.move(Infinity)],
    ["s", "s", "slower", () => act.cycle("speed", -1)],
    ["S", "Shift s", "faster", () => act.cycle("speed", 1)],
    ["e", "e", "next episode", () => act.cycle("episode", 1)],
    ["E", "Shift e", "episode before", () => act.cycle("episode", -1)],
    ["v", "v", "next policy", () => act.cycle("variant", 1)],
    ["t", "t", "next environment or task", () => act.cycle("environment", 1)],
    ["b", "b", "next benchmark", () => act.cycle("benchmark", 1)],
    ["f", "f", "all, successes or failures", () => act.cycle("only", 1)],
    ["c", "c", "another policy beside it", () => act.cycle("with", 1)],
    ["m", "m", "memory: next layer", () => act.layer("memory", 1)],
    ["M", "Shift m", "memory: layer before", () => act.layer("memory", -1)],
    ["a", "a", "actions: next layer", () => act.layer("actions", 1)],
    ["A", "Shift a", "actions: layer before", () => act.layer("actions", -1)],
    ["o", "o", "memory: less opaque", () => act.opacity("memory", -20)],
    ["O", "Shift o", "memory: more opaque", () => act.opacity("memory", 20)],
    ["p", "p", "actions: less opaque", () => act.opacity("actions", -20)],
    ["P", "Shift p", "actions: more opaque", () => act.opacity("actions", 20)],
    ["?", "?", "this list", () => act.help()],
  ];

  /* Keys that the focused control has a use of its own for. */
  function taken(target, key) {
    if (target.closest("select, dialog, input[type=text]")) return true;
    if (key === " " || key === "Enter") return Boolean(target.closest("button, a, input[type=checkbox]"));
    return /Arrow|Home|End/.test(key) && Boolean(target.closest("input[type=range], .scroll"));
  }

  /* enabled(): whether keys do something at all; a reader's own tools may need them. */
  viewer.listenToKeys = (act, enabled) => {
    const keys = keysOf(act);
    const list = document.querySelector("#keys dl");
    for (const [, shown, text] of keys) list.append(viewer.element("dt", {}, viewer.element("kbd", {}, shown)), viewer.element("dd", {}, text));
    document.addEventListener("keydown", (event) => {
      if (!enabled() || event.ctrlKey || event.metaKey || event.altKey || taken(event.target, event.key)) return;
      const name = event.shiftKey && event.key.startsWith("Arrow") ? `Shift ${event.key}` : event.key;
      const found = keys.find(([key]) => key === name);
      if (!found) return;
      event.preventDefault();
      found[3]();
    });
  };
})();
