/* Curves of an episode, all on the axis of the simulator's steps. */
"use strict";
(() => {
  const [LEFT, RIGHT, ABOVE, BELOW] = [46, 12, 5, 5];
  const HUES = ["--memory", "--none", "--first", "--oracle", "--noise", "--muted", "--ink"]; // of the actions
  const DASHES = [[], [], [], [5, 3], [5, 3], [5, 3], []];
  const viridis = viewer.ramp("viridis");

  viewer.xOf = (step, last, width) => LEFT + (step / last) * (width - LEFT - RIGHT);
  viewer.stepAt = (x, last, width) =>
    Math.max(0, Math.min(last, Math.round(((x - LEFT) / (width - LEFT - RIGHT)) * last)));

  /* What several episodes share: steps, and the ends of the axes. */
  viewer.ranges = (episodes) => {
    const ends = (name, low, high) => {
      for (const episode of episodes) for (const value of episode[name] ? episode[name].data : []) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return high > low ? [low, high] : Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
    };
    return {
      last: Math.max(...episodes.map((episode) => episode.steps)),
      norms: ends("norms", Infinity, -Infinity),
      distances: ends("distances", 0, -Infinity),
      actions: ends("actions", -1, 1),
    };
  };

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const until = (episode, forward) => episode.forwards[forward + 1] ?? episode.steps;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

  function axis(pen, [low, high], digits) {
    pen.context.fillStyle = pen.colour("--muted");
    pen.context.textAlign = "right";
    for (const [value, place] of [[high, "top"], [low, "bottom"]]) {
      pen.context.textBaseline = place;
      pen.context.fillText(value.toFixed(digits), LEFT - 6, place === "top" ? 1 : pen.height - 1);
    }
  }

  /* Shade the phases, and say where the episode ended. */
  function ground(pen, episode, last) {
    const { context, height } = pen;
    episode.phases.forEach((phase, forward) => {
      context.fillStyle = pen.colour(`--${phase}`);
      context.globalAlpha = 0.12;
      const from = pen.x(episode.forwards[forward]);
      context.fillRect(from, 0, pen.x(until(episode, forward)) - from, height);
    });
    context.globalAlpha = 1;
    context.strokeStyle = pen.colour(episode.success ? "--good" : "--bad");
    context.lineWidth = 2;
    line(context, [[pen.x(episode.steps), 0], [pen.x(episode.steps), height]]);
  }

  function line(context, points) {
    context.beginPath();
    points.forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }

  /* Pale: every token. Dark: their mean. first: the forward pass that the first row belongs to. */
  function curves(pen, episode, values, range, first) {
    const { context } = pen;
    const [rows, tokens] = values.shape;
    const y = (value) => pen.height - BELOW - ((value - range[0]) / (range[1] - range[0])) * (pen.height - ABOVE - BELOW);
    const points = (value) => Array.from({ length: rows }, (_, row) => [pen.x(episode.forwards[row + first]), y(value(row))]);
    context.strokeStyle = pen.colour("--memory");
    context.lineWidth = 1;
    context.globalAlpha = Math.max(0.15, Math.min(0.6, 6 / tokens));
    for (let token = 0; token < tokens; token += 1) line(context, points((row) => values.at(row, token)));
    context.globalAlpha = 1;
    context.strokeStyle = context.fillStyle = pen.colour("--ink");
    context.lineWidth = 2;
    const middle = points((row) => mean(values.row(row)));
    line(context, middle);
    if (rows === 1) context.fillRect(middle[0][0] - 2, middle[0][1] - 2, 4, 4);
  }

  const said = (values, digits) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return `mean ${mean(values).toFixed(digits)}, ${low.toFixed(digits)} to ${high.toFixed(digits)}`;
  };

  const CHARTS = {
    phases: {
      title: "phase at each forward pass",
      height: 24,
      draw(pen, episode) {
        const { context, height } = pen;
        context.textBaseline = "middle";
        context.textAlign = "left";
        let begins = 0;
        episode.phases.forEach((phase, forward) => {
          if (episode.phases[forward + 1] === phase) return;
          const [from, to] = [pen.x(episode.forwards[begins]), pen.x(until(episode, forward))];
          context.fillStyle = pen.colour(`--${phase}`);
          context.fillRect(from, 3, Math.max(1, to - from - 1), height - 6);
          context.fillStyle = pen.colour("--paper");
          if (to - from > 8 + context.measureText(phase).width) context.fillText(phase, from + 5, height / 2 + 1);
          begins = forward + 1;
        });
        const end = pen.x(episode.steps);
        context.fillStyle = pen.colour(episode.success ? "--good" : "--bad");
        context.textAlign = "center";
        context.font = `700 ${pen.font + 5}px system-ui, sans-serif`;
        context.fillText(episode.success ? "✓" : "✗", end + 4, height / 2 + 1);
      },
      say: (episode, { forward, ended }) => (ended ? (episode.success ? "success" : "failure") : episode.phases[forward]),
    },
    norms: {
      title: "norm of each memory token ‖M‖",
      height: 84,
      draw(pen, episode, ranges) {
        ground(pen, episode, ranges.last);
        curves(pen, episode, episode.norms, ranges.norms, 0);
        axis(pen, ranges.norms, 2);
      },
      say: (episode, { forward }) => said(episode.norms.row(forward), 2),
    },
    distances: {
      title: "change of each memory token 1 − cos",
      height: 84,
      draw(pen, episode, ranges) {
        ground(pen, episode, ranges.last);
        if (episode.distances.shape[0]) curves(pen, episode, episode.distances, ranges.distances, 1);
        axis(pen, ranges.distances, 2);
      },
      say: (episode, { forward }) => (forward ? said(episode.distances.row(forward - 1), 3) : "first forward pass"),
    },
    heatmap: {
      title: "norms, a row a token",
      height: 84,
      draw(pen, episode, ranges) {
        const { context, height } = pen;
        const [rows, tokens] = episode.norms.shape;
        const [low, high] = ranges.norms;
        for (let row = 0; row < rows; row += 1) {
          const from = pen.x(episode.forwards[row]);
          for (let token = 0; token < tokens; token += 1) {
            context.fillStyle = `rgb(${viridis((episode.norms.at(row, token) - low) / (high - low))})`;
            const top = (token / tokens) * height;
            context.fillRect(from, top, pen.x(until(episode, row)) - from + 0.6, height / tokens + 0.6);
          }
        }
        axis(pen, [tokens - 1, 0], 0);
      },
      say(episode, { forward }) {
        const norms = episode.norms.row(forward);
        return `largest: token ${norms.indexOf(Math.max(...norms))}`;
      },
    },
    actions: {
      title: "actions",
      height: 96,
      legend: true,
      draw(pen, episode, ranges) {
        const { context } = pen;
        const [low, high] = ranges.actions;
        ground(pen, episode, ranges.last);
        const y = (value) => pen.height - BELOW - ((value - low) / (high - low)) * (pen.height - ABOVE - BELOW);
        context.lineWidth = 1.5;
        episode.actionNames.forEach((_, dimension) => {
          const points = [];
          episode.forwards.forEach((step, forward) => {
            for (let row = 0; row < until(episode, forward) - step; row += 1) {
              const height = y(episode.actions.at(forward, row, dimension));
              points.push([pen.x(step + row), height], [pen.x(step + row + 1), height]);
            }
          });
          context.strokeStyle = pen.colour(HUES[dimension]);
          context.setLineDash(DASHES[dimension]);
          line(context, points);
        });
        context.setLineDash([]);
        axis(pen, ranges.actions, 1);
      },
      say: (episode, { forward, row }) =>
        episode.actionNames.map((name, dimension) => `${name} ${signed(episode.actions.at(forward, row, dimension))}`).join("  "),
    },
  };

  viewer.chartsOf = (episode) =>
    Object.entries(CHARTS).filter(([name]) => episode.norms || !["norms", "distances", "heatmap"].includes(name));
  viewer.lineStyle = (dimension) => ({ hue: HUES[dimension], dash: DASHES[dimension].length > 0 });

  viewer.drawChart = (canvas, chart, episode, ranges) => {
    const density = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, chart.height];
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const font = 11;
    context.scale(density, density);
    context.font = `${font}px system-ui, sans-serif`;
    const pen = { context, height, font, colour: (name) => style.getPropertyValue(name), x: (step) => viewer.xOf(step, ranges.last, width) };
    chart.draw(pen, episode, ranges);
  };
})();
