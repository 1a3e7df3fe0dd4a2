/* Numbers of a chart's marks: under the pointer, and with the arrow keys from mark to mark. */
"use strict";
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);

  function show(mark) {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = mark.getBoundingClientRect();
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const middle = box.left + box.width / 2 - width / 2;
    tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, middle))}px`;
    tip.style.top = `${box.top > height + 8 ? box.top - height - 6 : box.bottom + 6}px`;
  }

  function hide() {
    tip.hidden = true;
    for (const mark of document.querySelectorAll(".mark.current")) mark.classList.remove("current");
  }

  for (const chart of document.querySelectorAll(".chart > svg")) {
    const marks = [...chart.querySelectorAll(".mark")];
    chart.addEventListener("pointerover", (event) => {
      const mark = event.target.closest(".mark");
      if (mark) show(mark); else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || !marks.length) return;
      event.preventDefault();
      const now = marks.findIndex((mark) => mark.classList.contains("current"));
      const next = now < 0 ? (step > 0 ? 0 : marks.length - 1) : (now + step + marks.length) % marks.length;
      hide();
      marks[next].classList.add("current");
      show(marks[next]);
    });
  }
  // Focus may scroll the page: whoever goes by keyboard keeps the place.
  addEventListener("scroll", () => {
    const mark = document.querySelector(".mark.current");
    if (mark) show(mark); else hide();
  }, { passive: true });
})();
