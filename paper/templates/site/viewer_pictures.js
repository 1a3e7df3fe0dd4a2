/* What a camera saw, and attention to its patches over it. */
"use strict";
(() => {
  const OPAQUE = 0.9; // of the strongest patch, at full opacity
  // Stops of the colour maps plasma and viridis, from none to the strongest.
  viewer.RAMPS = {
    plasma: ["0d0887", "41049d", "6a00a8", "8f0da4", "b12a90", "cc4778", "e16462", "f2844b", "fca636", "fcce25", "f0f921"],
    viridis: ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"],
  };

  /* (share 0 to 1) -> [red, green, blue], between two stops. */
  viewer.ramp = (name) => {
    const stops = viewer.RAMPS[name].map((hex) => [0, 2, 4].map((place) => parseInt(hex.slice(place, place + 2), 16)));
    return (share) => {
      const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
      const below = Math.min(stops.length - 2, Math.floor(place));
      return stops[below].map((value, channel) => Math.round(value + (place - below) * (stops[below + 1][channel] - value)));
    };
  };
  const plasma = viewer.ramp("plasma");

  const strength = (value) => (value / 255) ** 2; // as they are stored, of the peak

  /* Attention of a query in one layer, or the mean of all, to each patch of each camera; the strongest of them is 1. */
  viewer.weights = (episode, forward, query, layer) => {
    const [, layers, , cameras, patches] = episode.attention.shape;
    const found = Array.from({ length: cameras }, () => new Float32Array(patches));
    const chosen = layer === "mean" ? [...Array(layers).keys()] : [layer];
    for (const one of chosen) {
      const peak = episode.peaks.at(forward, one, query) / chosen.length;
      found.forEach((weights, camera) => {
        const stored = episode.attention.row(forward, one, query, camera);
        for (let patch = 0; patch < patches; patch += 1) weights[patch] += peak * strength(stored[patch]);
      });
    }
    const strongest = Math.max(1e-12, ...found.map((weights) => Math.max(...weights)));
    return found.map((weights) => weights.map((value) => value / strongest));
  };

  /* The share of a query's attention that a camera gets. */
  viewer.share = (episode, forward, query, layer, camera) => {
    const layers = episode.shares.shape[1];
    if (layer !== "mean") return episode.shares.at(forward, layer, query, camera);
    let sum = 0;
    for (let one = 0; one < layers; one += 1) sum += episode.shares.at(forward, one, query, camera);
    return sum / layers;
  };

  /* Draw picture `place` of a camera over the whole canvas; after the last forward comes how the episode ended. */
  viewer.drawPicture = (canvas, episode, camera, place) => {
    const sheet = episode.sheets[camera];
    const [width, height] = episode.tile;
    const shown = camera === "first_image" ? 0 : place;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const [left, top] = [(shown % episode.columns) * width, Math.floor(shown / episode.columns) * height];
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (sheet) context.drawImage(sheet, left, top, width, height, 0, 0, canvas.width, canvas.height);
  };

  /* Lay weights over a canvas: brighter and denser with the weight, on the part of the picture that the policy sees. */
  viewer.drawOverlay = (canvas, episode, weights, opacity) => {
    const side = episode.side;
    const small = document.createElement("canvas");
    small.width = small.height = side;
    const pixels = new ImageData(side, side);
    weights.forEach((weight, patch) => {
      pixels.data.set([...plasma(weight), Math.round(255 * OPAQUE * opacity * Math.sqrt(weight))], 4 * patch);
    });
    small.getContext("2d").putImageData(pixels, 0, 0);
    const context = canvas.getContext("2d");
    const margin = (1 - episode.view) / 2;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, margin * canvas.width, margin * canvas.height,
      episode.view * canvas.width, episode.view * canvas.height);
  };
})();
