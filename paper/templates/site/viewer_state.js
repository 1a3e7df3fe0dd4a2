/* What the viewer shows, as its address keeps it: #episode=...&with=...&step=12&memory=2&actions=mean&... */
"use strict";
(() => {
  viewer.SPEEDS = [1, 2, 5, 10, 20, 50]; // steps a second
  viewer.ONLY = ["all", "success", "failure"];
  const DEFAULTS = { episode: "", with: "", step: 0, layers: { memory: "mean", actions: "mean" },
    opacities: { memory: 80, actions: 80 }, only: "all", speed: 5, keys: true };

  const whole = (text, low, high, otherwise) =>
    /^\d+$/.test(text ?? "") ? Math.max(low, Math.min(high, Number(text))) : otherwise;

  /* What the address says; whatever it says wrongly is as by default. */
  viewer.readState = () => {
    const said = address.read();
    const layer = (text) => whole(text, 0, 999, "mean");
    return {
      episode: said.get("episode") ?? "",
      with: said.get("with") ?? "",
      step: whole(said.get("step"), 0, 1e6, 0),
      layers: { memory: layer(said.get("memory")), actions: layer(said.get("actions")) },
      opacities: {
        memory: whole(said.get("memory-opacity"), 0, 100, DEFAULTS.opacities.memory),
        actions: whole(said.get("actions-opacity"), 0, 100, DEFAULTS.opacities.actions),
      },
      only: viewer.ONLY.includes(said.get("only")) ? said.get("only") : DEFAULTS.only,
      speed: viewer.SPEEDS.includes(Number(said.get("speed"))) ? Number(said.get("speed")) : DEFAULTS.speed,
      keys: said.get("keys") !== "off",
    };
  };

  viewer.writeState = (state) => {
    const unless = (value, usual) => (value === usual ? "" : String(value));
    address.write({
      episode: state.episode,
      with: state.with,
      step: unless(state.step, 0),
      memory: unless(state.layers.memory, "mean"),
      actions: unless(state.layers.actions, "mean"),
      "memory-opacity": unless(state.opacities.memory, DEFAULTS.opacities.memory),
      "actions-opacity": unless(state.opacities.actions, DEFAULTS.opacities.actions),
      only: unless(state.only, DEFAULTS.only),
      speed: unless(state.speed, DEFAULTS.speed),
      keys: state.keys ? "" : "off",
    });
  };

  /* The values of a key among those of `episodes`, in their order. */
  const values = (episodes, key) => [...new Set(episodes.map((one) => one[key]))];
  const like = (episodes, wanted) => episodes.filter((one) => Object.entries(wanted).every(([key, value]) => one[key] === value));

  /* What can be chosen beside an episode: each list follows from what is chosen before it. */
  viewer.choices = (episodes, current, only) => {
    const { benchmark, environment, variant, seed } = current;
    const here = like(episodes, { environment });
    const wanted = (one) => only === "all" || one.success === (only === "success");
    return {
      benchmark: values(episodes, "benchmark"),
      environment: values(like(episodes, { benchmark }), "environment"),
      variant: values(here, "variant"),
      episode: like(here, { variant }).filter(wanted),
      with: values(like(here, { seed }), "variant").filter((one) => one !== variant),
    };
  };

  /* The episode nearest to the current one that has `change`: as much as possible stays as it is. */
  viewer.nearest = (episodes, current, change) => {
    const stays = ["variant", "seed", "environment", "benchmark"].filter((key) => !(key in change));
    const score = (one) => stays.reduce((sum, key) => sum + (one[key] === current[key]), 0);
    return like(episodes, change).reduce((best, one) => (best === null || score(one) > score(best) ? one : best), null);
  };

  viewer.partner = (episodes, current, variant) =>
    like(episodes, { environment: current.environment, seed: current.seed, variant })[0] ?? null;
})();
