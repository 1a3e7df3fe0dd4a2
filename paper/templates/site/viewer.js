/* The episode viewer: what is chosen, one time for everything that is shown, and an address that keeps all of it. */
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { element } = viewer;
  const LISTS = ["benchmark", "environment", "variant", "episode", "with"];
  const OVERLAYS = ["memory", "actions"];
  let state = viewer.readState();
  let listed = []; // every traced episode; `fault` says why one cannot be shown
  let panels = [];
  let ranges = { last: 1 };
  let turn = 0; // of loading: an older one that ends late shows nothing
  let saving = 0;
  let playing = null; // {began, from} while it plays

  const whole = () => listed.filter((one) => !one.fault);
  const current = () => whole().find((one) => one.name === state.episode);
  const partner = () => (state.with ? viewer.partner(whole(), current(), state.with) : null);

  function save() {
    clearTimeout(saving);
    saving = setTimeout(() => viewer.writeState(state), 120); // browsers refuse hundreds of addresses a minute
  }

  function fill(select, options, value) {
    select.replaceChildren(...options.map(([own, text]) => element("option", { value: own }, text)));
    select.value = value;
    select.disabled = options.length < 2;
  }

  const named = (one) => `seed ${one.seed}, ${one.success ? "success" : "failure"}`;

  function fillLists() {
    const now = current();
    const found = viewer.choices(whole(), now, state.only);
    const plain = (values) => values.map((value) => [value, value]);
    const task = (environment) => {
      const one = whole().find((each) => each.environment === environment);
      return [environment, environment.includes("/") ? `${environment}: ${one.instruction}` : environment];
    };
    const episodes = found.episode.map((one) => [one.name, named(one)]);
    if (!found.episode.includes(now)) episodes.unshift([now.name, `${named(now)} (not asked for)`]);
    fill(byId("benchmark"), plain(found.benchmark), now.benchmark);
    fill(byId("environment"), found.environment.map(task), now.environment);
    fill(byId("variant"), plain(found.variant), now.variant);
    fill(byId("episode"), episodes, now.name);
    fill(byId("with"), [["", "nothing"], ...plain(found.with)], state.with);
    byId("only").value = state.only;
    byId("speed").value = state.speed;
    byId("keys-on").checked = state.keys;
  }

  function fillTable() {
    const shown = listed.filter((one) => one.fault || state.only === "all" || one.success === (state.only === "success"));
    const rows = shown.map((one) => {
      if (one.fault) return element("tr", {}, element("td", { class: "fault", colspan: 6 }, `${one.name}: ${one.fault} `, element("code", {}, one.command)));
      const button = element("button", { type: "button", "aria-label": `Show ${one.variant} in ${one.environment}, ${named(one)}` }, "Show");
      button.addEventListener("click", () => {
        show(one);
        byId("viewer").scrollIntoView();
      });
      const mark = element("span", { class: `verdict ${one.success ? "v-holds" : "v-differs"}` }, one.success ? "success" : "failure");
      const cells = [button, one.environment, element("code", {}, one.variant), mark, String(one.seed), String(one.steps)];
      const row = element("tr", { "data-name": one.name }, ...cells.map((cell) => element("td", {}, cell)));
      if (one.name === state.episode) row.setAttribute("aria-current", "true");
      return row;
    });
    byId("table").tBodies[0].replaceChildren(...rows);
    const good = whole();
    const lost = listed.length - good.length;
    byId("counted").textContent = `${good.length} episodes, ${good.filter((one) => one.success).length} of them successes.`
      + (lost ? ` ${lost} cannot be shown.` : "");
  }

  function fillAttention() {
    const layers = Math.max(1, ...panels.map((panel) => panel.episode.layers));
    for (const name of OVERLAYS) {
      const layer = state.layers[name];
      const slider = byId(`${name}-layer`);
      const said = layer === "mean" ? "mean" : `L${Math.min(layer, layers - 1)}`;
      slider.max = layers - 1;
      slider.value = layer === "mean" ? -1 : layer;
      slider.setAttribute("aria-valuetext", said);
      byId(`${name}-layer-said`).value = said;
      byId(`${name}-opacity`).value = state.opacities[name];
    }
    byId("memory-controls").disabled = !panels.some((panel) => panel.episode.queries.includes("MEM"));
  }

  /* The step everywhere: pictures, curves, slider, address. */
  function moveTo(step) {
    state.step = Math.max(0, Math.min(ranges.last, step));
    byId("step").max = ranges.last;
    byId("step").value = state.step;
    byId("step-said").value = `${state.step} / ${ranges.last}`;
    for (const panel of panels) panel.show(state.step, state);
    save();
  }

  function redraw() {
    if (!panels.length) return; // nothing yet: a step of the address must not be cut
    for (const panel of panels) panel.drawCurves(ranges);
    fillAttention();
    moveTo(state.step);
  }

  function play(on = !playing) {
    if (on && state.step >= ranges.last) moveTo(0);
    playing = on ? { began: performance.now(), from: state.step } : null;
    byId("play").textContent = on ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", on ? "Pause" : "Play");
    if (on) requestAnimationFrame(tick);
  }

  function tick(now) {
    if (!playing) return;
    const step = playing.from + Math.floor((Math.max(0, now - playing.began) / 1000) * state.speed);
    if (step !== state.step) moveTo(step);
    if (state.step >= ranges.last) play(false); else requestAnimationFrame(tick);
  }

  function seek(step) {
    moveTo(step);
    if (playing) play(true);
  }

  async function load() {
    const mine = (turn += 1);
    if (!partner()) state.with = "";
    fillLists();
    fillTable();
    save();
    const wanted = [current(), partner()].filter(Boolean);
    const loaded = await Promise.allSettled(wanted.map((one) => viewer.load(one.name)));
    if (mine !== turn) return;
    const faults = loaded.filter((one) => one.reason).map((one) => one.reason);
    byId("fault").replaceChildren(...faults.map(viewer.fault));
    const episodes = loaded.filter((one) => one.value).map((one) => one.value);
    panels = episodes.map((episode) => new viewer.Panel(episode, seek));
    byId("panels").replaceChildren(...panels.map((panel) => panel.node));
    byId("panels").classList.toggle("two", panels.length > 1);
    byId("transport").hidden = !panels.length;
    if (panels.length) ranges = viewer.ranges(episodes);
    redraw();
  }

  function show(episode) {
    if (!episode) return;
    play(false);
    state.episode = episode.name;
    load();
  }

  /* What was chosen in a list; as much as possible of the rest stays. */
  function choose(list, value) {
    if (list === "episode") show(whole().find((one) => one.name === value));
    else if (list === "with") { state.with = value; load(); }
    else if (list === "only") { state.only = value; keepToFilter(); }
    else if (list === "speed") { state.speed = Number(value); fillLists(); seek(state.step); }
    else show(viewer.nearest(whole(), current(), { [list]: value }));
  }

  function keepToFilter() {
    const { episode } = viewer.choices(whole(), current(), state.only);
    if (episode.length && !episode.includes(current())) show(episode[0]); else load();
  }

  const act = {
    play: () => play(),
    move: (by) => seek(state.step + by),
    cycle(list, by) {
      const options = [...byId(list).options].map((option) => option.value);
      const place = options.indexOf(byId(list).value) + by;
      if (list === "speed" && (place < 0 || place >= options.length)) return;
      if (options.length > 1) choose(list, options[(place + options.length) % options.length]);
    },
    layer(name, by) {
      const slider = byId(`${name}-layer`);
      const count = Number(slider.max) + 2;
      setLayer(name, ((Number(slider.value) + 1 + by + count) % count) - 1);
    },
    opacity: (name, by) => setOpacity(name, state.opacities[name] + by),
    help: () => byId("keys").showModal(),
  };

  function setLayer(name, value) {
    state.layers[name] = value < 0 ? "mean" : value;
    fillAttention();
    moveTo(state.step);
  }

  function setOpacity(name, value) {
    state.opacities[name] = Math.max(0, Math.min(100, value));
    fillAttention();
    moveTo(state.step);
  }

  function listen() {
    for (const list of [...LISTS, "only", "speed"]) byId(list).addEventListener("change", (event) => choose(list, event.target.value));
    for (const name of OVERLAYS) {
      byId(`${name}-layer`).addEventListener("input", (event) => setLayer(name, Number(event.target.value)));
      byId(`${name}-opacity`).addEventListener("input", (event) => setOpacity(name, Number(event.target.value)));
    }
    byId("step").addEventListener("input", (event) => seek(Number(event.target.value)));
    byId("play").addEventListener("click", act.play);
    byId("back").addEventListener("click", () => act.move(-1));
    byId("on").addEventListener("click", () => act.move(1));
    byId("help").addEventListener("click", act.help);
    byId("keys-on").addEventListener("change", (event) => { state.keys = event.target.checked; save(); });
    document.querySelector('a[href="#all-episodes"]').addEventListener("click", (event) => {
      event.preventDefault(); // the address keeps the moment that is shown
      byId("all-episodes").scrollIntoView();
    });
    new ResizeObserver(redraw).observe(byId("panels"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("hashchange", () => { if (location.hash.includes("=")) restore(); });
    viewer.listenToKeys(act, () => state.keys);
  }

  function restore() {
    play(false);
    state = viewer.readState();
    const asked = state.episode;
    if (!current()) state.episode = whole()[0].name;
    load().then(() => {
      if (asked && asked !== state.episode) byId("fault").append(viewer.fault(new Fault(`The address asks for the episode ${asked}, which was not traced; this is another one.`)));
    });
  }

  async function start() {
    fill(byId("speed"), viewer.SPEEDS.map((speed) => [speed, speed]), state.speed);
    try {
      listed = await viewer.list();
      if (!whole().length) throw new Fault(`None of the ${listed.length} traced episodes can be shown: ${listed[0].fault}`, listed[0].command);
    } catch (fault) {
      byId("fault").replaceChildren(viewer.fault(fault));
      if (!(fault instanceof Fault)) throw fault;
      document.querySelector("section[aria-labelledby=all-episodes]").hidden = !listed.length;
      if (listed.length) fillTable();
      return;
    }
    byId("viewer").hidden = false;
    listen();
    restore();
  }
  start();
})();
