/* The traced episodes beside this page. A page that was opened from a file system may not fetch() its neighbours, and a
   canvas that has shown one of their pictures cannot be read: so numbers come as scripts that hand them over, and
   pictures as images that are only drawn. muvla/report/site/viewer_episode.py describes what is in them. */
"use strict";
const viewer = {
  FORMAT: 1,
  COMMAND: "snakemake results/site/viewer.html --forcerun site_viewer",
  handed: new Map(), // file -> what its script handed over
  kept: new Map(), // name -> promise of an episode

  index(content) { this.handed.set("index", content); },
  episode(name, header, packed) { this.handed.set(name, { header, packed }); },
};

/* What is missing or wrong, and the command that makes it. */
class Fault extends Error {
  constructor(what, command = viewer.COMMAND) {
    super(what);
    this.command = command;
  }
}

(() => {
  const TYPES = { float32: Float32Array, uint8: Uint8Array };
  const KEPT = 8; // episodes in memory

  function loadScript(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `episodes/${encodeURIComponent(name)}.js`;
      script.onload = () => {
        script.remove();
        if (viewer.handed.has(name)) resolve(viewer.handed.get(name));
        else reject(new Fault(`The file episodes/${name}.js is empty or damaged.`));
        viewer.handed.delete(name);
      };
      script.onerror = () => {
        script.remove();
        reject(new Fault(`The file episodes/${name}.js is missing.`));
      };
      document.head.append(script);
    });
  }

  function requireFormat(name, format) {
    if (format === viewer.FORMAT) return;
    throw new Fault(`The file episodes/${name}.js is of version ${format}, and this page reads version ${viewer.FORMAT}.`);
  }

  /* Resolves to the picture, or to null where there is none: the curves can be read without it. */
  function loadSheet(name, camera) {
    return new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = () => resolve(null);
      image.src = `episodes/${encodeURIComponent(name)}.${camera}.webp`;
    });
  }

  async function unpack(name, packed) {
    if (typeof DecompressionStream === "undefined")
      throw new Fault("This browser cannot unpack the numbers (DecompressionStream, in all browsers since 2023).", "");
    try {
      const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      return await new Response(stream).arrayBuffer();
    } catch {
      throw new Fault(`The numbers in episodes/${name}.js are damaged.`);
    }
  }

  /* An array with its shape; at(...) takes one place a dimension. */
  function arrays(name, header, buffer) {
    const found = {};
    let offset = 0;
    for (const [key, type, shape] of header.arrays) {
      const size = shape.reduce((product, one) => product * one, 1);
      if (offset + size * TYPES[type].BYTES_PER_ELEMENT > buffer.byteLength)
        throw new Fault(`The numbers in episodes/${name}.js end too early.`);
      const data = new TYPES[type](buffer, offset, size);
      const row = shape.map((_, place) => shape.slice(place + 1).reduce((product, one) => product * one, 1));
      const start = (places) => places.reduce((sum, one, dimension) => sum + one * row[dimension], 0);
      found[key] = {
        data, shape,
        at: (...places) => data[start(places)],
        row: (...places) => data.subarray(start(places), start(places) + row[places.length - 1]),
      };
      offset += size * TYPES[type].BYTES_PER_ELEMENT;
    }
    return found;
  }

  async function read(name) {
    const sheets = ["image", "wrist_image"].map((camera) => loadSheet(name, camera));
    const { header, packed } = await loadScript(name);
    requireFormat(name, header.format);
    const found = { name, ...header, ...arrays(name, header, await unpack(name, packed)) };
    found.actionNames = header.actions;
    const [image, wrist_image] = await Promise.all(sheets);
    return Object.assign(found, { sheets: { image, wrist_image, first_image: image } });
  }

  viewer.list = async () => {
    const { format, episodes } = await loadScript("index");
    requireFormat("index", format);
    if (!episodes.length)
      throw new Fault("No episode was traced: the key traces in config/config.yaml names none. After an edit:",
        "snakemake results/site/viewer.html");
    return episodes;
  };

  viewer.load = (name) => {
    if (!viewer.kept.has(name)) {
      viewer.kept.set(name, read(name));
      viewer.kept.get(name).catch(() => viewer.kept.delete(name));
      if (viewer.kept.size > KEPT) viewer.kept.delete(viewer.kept.keys().next().value);
    }
    return viewer.kept.get(name);
  };

  /* Where an episode is at a step of the simulator: the forward pass that holds, and which of its actions is run. */
  viewer.moment = (episode, step) => {
    const ended = step >= episode.steps;
    let forward = 0;
    while (forward + 1 < episode.forwards.length && episode.forwards[forward + 1] <= step) forward += 1;
    return { ended, forward, row: step - episode.forwards[forward] };
  };
})();
