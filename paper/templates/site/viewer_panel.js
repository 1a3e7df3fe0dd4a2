/* One episode on the page: its pictures under a step's attention, and its curves with a cursor. */
"use strict";
(() => {
  const QUERIES = { MEM: "memory", ACTION: "actions" };
  const CAMERAS = { image: "base camera", wrist_image: "wrist camera", first_image: "first picture" };
  const LARGEST = 448; // pixels of a picture on its canvas

  viewer.element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };
  const element = viewer.element;

  viewer.fault = (fault) => {
    const box = element("div", { class: "missing", role: "alert" }, element("p", {}, fault.message));
    if (fault.command) box.append(element("p", {}, "Make it with ", element("code", {}, fault.command)));
    return box;
  };

  const outcome = (success) => element("span", { class: `verdict ${success ? "v-holds" : "v-differs"}` }, success ? "success" : "failure");

  class Panel {
    /* move(step): called when somebody points at a step of the curves. */
    constructor(episode, move) {
      this.episode = episode;
      this.move = move;
      this.tiles = [];
      this.charts = [];
      this.now = element("p", { class: "now" });
      this.cursor = element("div", { class: "cursor", "aria-hidden": "true" });
      const title = `${episode.variant} · ${episode.environment} · seed ${episode.seed}`;
      const told = `“${episode.instruction}”${episode.goal ? ` Goal: ${episode.goal}.` : ""}`;
      this.node = element("section", { class: "episode", "aria-label": title, "data-name": episode.name },
        element("h2", {}, element("code", {}, episode.variant), ` in ${episode.environment}, seed ${episode.seed} `, outcome(episode.success)),
        element("p", { class: "small" }, told),
        this.now,
        element("div", { class: "parts" }, this.pictures(), this.curves()),
        element("p", { class: "small" }, episode.origin, ...this.cell()),
      );
    }

    /* A link to the table's cell that this episode is one of; a task of LIBERO is only a part of its suite's. */
    cell() {
      const { environment, variant } = this.episode;
      if (environment.includes("/")) return [];
      return [" ", element("a", { href: `tables.html#cell=table_mikasa.${environment}.${variant}` }, "All episodes of this cell")];
    }

    /* Cameras down, what lies over them across; the style sheet turns them round on a phone. */
    pictures() {
      const { cameras, queries } = this.episode;
      const kinds = ["", ...queries];
      const grid = element("div", { class: "pictures", style: `--kinds: ${kinds.length}; --cameras: ${cameras.length}` });
      kinds.forEach((kind, across) => cameras.forEach((camera, down) => {
        const name = kind ? `${QUERIES[kind]} → ${CAMERAS[camera]}` : CAMERAS[camera];
        const [width, height] = this.episode.tile;
        const larger = Math.max(1, Math.floor(LARGEST / Math.max(width, height)));
        const canvas = element("canvas", { role: "img", "aria-label": name, width: width * larger, height: height * larger });
        const share = element("b", {});
        const place = `--across: ${across + 1}; --down: ${down + 1}`;
        const figure = element("figure", { class: kind ? QUERIES[kind] : "plain", style: place }, canvas,
          element("figcaption", {}, element("span", {}, name), share));
        if (!this.episode.sheets[camera]) {
          const file = `episodes/${this.episode.name}.${camera === "wrist_image" ? camera : "image"}.webp`;
          figure.replaceChildren(viewer.fault({ message: `${name}: the pictures ${file} are missing.`, command: viewer.COMMAND }));
        }
        this.tiles.push({ kind, camera, down, name, canvas, share });
        grid.append(figure);
      }));
      return grid;
    }

    curves() {
      const box = element("div", { class: "curves" });
      for (const [name, chart] of viewer.chartsOf(this.episode)) {
        const value = element("span", { class: "value" });
        const canvas = element("canvas", { role: "img", style: `height: ${chart.height}px` });
        const head = element("div", { class: "chart-head" }, element("span", {}, chart.title), value);
        box.append(element("div", { class: "curve", "data-chart": name }, head, canvas));
        if (chart.legend) box.append(this.legend());
        this.charts.push({ name, chart, canvas, value });
      }
      box.append(this.cursor);
      const point = (event) => {
        const first = this.charts[0].canvas.getBoundingClientRect();
        this.move(viewer.stepAt(event.clientX - first.left, this.ranges.last, first.width));
      };
      box.addEventListener("pointerdown", (event) => {
        if (event.target.tagName !== "CANVAS") return;
        box.setPointerCapture(event.pointerId);
        point(event);
      });
      box.addEventListener("pointermove", (event) => { if (box.hasPointerCapture(event.pointerId)) point(event); });
      this.box = box;
      return box;
    }

    legend() {
      const list = element("ul", { class: "legend" });
      this.episode.actionNames.forEach((name, dimension) => {
        const { hue, dash } = viewer.lineStyle(dimension);
        const style = `border-top: 3px ${dash ? "dashed" : "solid"} var(${hue})`;
        list.append(element("li", {}, element("i", { style, "aria-hidden": "true" }), name));
      });
      return list;
    }

    /* Draw the curves; they change with the width, the colours and the axes that episodes share. */
    drawCurves(ranges) {
      this.ranges = ranges;
      for (const { chart, canvas } of this.charts) viewer.drawChart(canvas, chart, this.episode, ranges);
    }

    /* Show one step: state has layers and opacities by "memory" and "actions". */
    show(step, state) {
      const episode = this.episode;
      const moment = viewer.moment(episode, step);
      const { forward, ended } = moment;
      const phase = ended ? "ended" : episode.phases[forward];
      const pass = ended ? `ended after ${episode.steps} steps` : `step ${step}, ${phase}, forward pass ${forward + 1} of ${episode.forwards.length}`;
      const next = episode.forwards[forward + 1] ?? episode.steps;
      const open = !ended && moment.row > 0 ? `; picture and attention of step ${episode.forwards[forward]}, the next at ${next}` : "";
      this.now.replaceChildren(element("b", { class: `phase ${phase}` }, ended ? (episode.success ? "success" : "failure") : phase), ` ${pass}${open}`);
      const weights = new Map();
      for (const tile of this.tiles) {
        viewer.drawPicture(tile.canvas, episode, tile.camera, ended ? episode.forwards.length : forward);
        if (!tile.kind) continue;
        tile.share.textContent = "";
        tile.canvas.setAttribute("aria-label", tile.name);
        if (ended) continue;
        const name = QUERIES[tile.kind];
        const query = episode.queries.indexOf(tile.kind);
        const layer = state.layers[name] === "mean" ? "mean" : Math.min(state.layers[name], episode.layers - 1);
        if (!weights.has(query)) weights.set(query, viewer.weights(episode, forward, query, layer));
        viewer.drawOverlay(tile.canvas, episode, weights.get(query)[tile.down], state.opacities[name] / 100);
        const share = `${(100 * viewer.share(episode, forward, query, layer, tile.down)).toFixed(1)} %`;
        tile.share.textContent = share;
        tile.canvas.setAttribute("aria-label", `${tile.name}, ${layer === "mean" ? "mean of the layers" : `layer ${layer}`}: ${share}`);
      }
      for (const { name, chart, canvas, value } of this.charts) {
        const said = ended && name !== "phases" ? "" : chart.say(episode, moment);
        value.textContent = said;
        canvas.setAttribute("aria-label", `${chart.title}: ${said || "ended"}`);
      }
      const first = this.charts[0].canvas;
      this.cursor.style.left = `${first.offsetLeft + viewer.xOf(step, this.ranges.last, first.clientWidth)}px`;
    }
  }
  viewer.Panel = Panel;
})();
