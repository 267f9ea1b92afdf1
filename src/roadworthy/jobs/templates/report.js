(() => {
  "use strict";
  const root = document.documentElement;
  const { specs, light, dark } = JSON.parse(document.getElementById("data").textContent);
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  let wanted = ["#dark", "#light"].includes(location.hash) ? location.hash.slice(1) : "";
  let turn = 0;

  async function draw() {
    const mine = ++turn;
    const theme = wanted || (system.matches ? "dark" : "light");
    if (wanted) root.dataset.theme = wanted;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page ${theme === "dark" ? "light" : "dark"}`);
    button.hidden = false;
    let failed = 0;
    for (const place of document.querySelectorAll("[data-chart]")) {
      if (mine !== turn) return;
      const options = { config: theme === "dark" ? dark : light, actions: false, renderer: "svg", tooltip: { theme } };
      try {
        await vegaEmbed(place, specs[place.dataset.chart], options);
      } catch (error) {
        failed += 1;
        place.textContent = "This chart could not be drawn; the tables hold its numbers.";
        console.error(place.dataset.chart, error);
      }
    }
    root.dataset.charts = failed ? "failed" : "drawn";
  }

  button.addEventListener("click", () => {
    wanted = (wanted || (system.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    draw();
  });
  system.addEventListener("change", draw);
  draw();
})();
